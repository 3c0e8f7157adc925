"""Chainer on this stack: what the compatibility modules mend, and that they leave no trace."""

import subprocess
import sys

import numpy as np

from synaxial.compute.chainer_compatibility import chainer

F = chainer.functions


def test_it_imports_without_a_warning_and_leaves_numpy_alone():
    code = (
        "import numpy as np, synaxial.compute.chainermn_compatibility as c;"
        "assert not hasattr(np, 'sctypes') and not hasattr(np, 'float');"
        "print(c.chainer.__version__, c.chainermn.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "7.8.1 chainermn\n", "")


def test_gradients_stay_float32():
    link = chainer.links.Convolution2D(3, 4, 3)
    optimizer = chainer.optimizers.Adam(alpha=2e-4, beta1=0.5).setup(link)
    optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(1e-3))
    loss = F.mean(link(np.ones((2, 3, 8, 8), np.float32)))
    link.cleargrads()
    loss.backward()
    optimizer.update()
    assert {loss.dtype, link.W.dtype, link.W.grad.dtype} == {np.dtype(np.float32)}
    assert link.W.update_rule.state["m"].dtype == np.float32
