"""The steps of the check, in their order: the most important ones come first."""

from dataclasses import dataclass

from synaxial.studies.gpu_check.results import Kind

#: Where the functions of the steps are.
PACKAGE = "synaxial.studies.gpu_check"
OURS = f"{PACKAGE}.speed"
TORCH = f"{PACKAGE}.torch_speed"

#: The time limit of all steps together for which their own limits are, and the least one: starting
#: the processes and compiling the first kernels takes minutes.
MINUTES = 8
LEAST_MINUTES, MOST_MINUTES = 4, 24 * 60


@dataclass(frozen=True)
class Step:
    """One step of the check.

    Attributes
    ----------
    function
        `module:function`. It is called with a `Setting` and `Findings`.
    seconds
        The time limit of its process.
    kind
        A step of speed measures. It cannot make the check fail.
    tf32
        Whether CuPy may use TF32 for the products of float32 matrices.
    """

    name: str
    title: str
    function: str
    seconds: float
    kind: Kind = "proof"
    tf32: bool = False


#: The first step: without it the others have no device.
DEVICE = Step("device", "versions and device", f"{PACKAGE}.device:check_device", 60)

STEPS = (
    DEVICE,
    Step("functions", "functions", f"{PACKAGE}.agreement:check_functions", 150),
    Step("paper", "20 iterations: paper", f"{PACKAGE}.training:check_paper", 100),
    Step("coarse", "20 iterations: coarse", f"{PACKAGE}.training:check_coarse", 100),
    Step("upsampler", "20 iterations: up-sampler", f"{PACKAGE}.training:check_upsampler", 80),
    Step("resume", "resume after kill -9", f"{PACKAGE}.resume:check_resume", 140),
    Step("sampling", "sampling", f"{PACKAGE}.sampling:check_sampling", 60),
    Step("ranks", "two ranks", f"{PACKAGE}.ranks:check_ranks", 80),
    Step("speed", "speed", f"{OURS}:measure_ours", 60, "speed"),
    Step(
        "speed_tf32",
        "speed in TF32",
        f"{OURS}:measure_ours_tf32",
        60,
        "speed",
        tf32=True,
    ),
    Step("eager", "PyTorch", f"{TORCH}:measure_eager", 60, "speed"),
    Step("eager_tf32", "PyTorch in TF32", f"{TORCH}:measure_eager_tf32", 60, "speed"),
    Step("compiled", "torch.compile", f"{TORCH}:measure_compiled", 120, "speed"),
    Step("compiled_tf32", "torch.compile in TF32", f"{TORCH}:measure_compiled_tf32", 120, "speed"),
)
