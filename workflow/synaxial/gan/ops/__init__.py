"""The engine: the functions in which a training on CPUs spends its time.

Chainer computes every layer with NumPy. A convolution copies the patches of the whole batch into
one large array; batch normalisation, activation, dropout and noise each pass over all values in
memory, on one core. On the paper's networks that trains 1.64 images a second on two cores. The
functions here train 5.69, three and a half times as many (benchmarks/RESULTS.md). They have
Chainer's shapes and its results up to rounding, and they can be differentiated any number of times.
On a GPU, Chainer's own functions are used, with the same signatures.

**One layout.** In memory, arrays are (channels, height, width, images) (`layout.py`); Chainer sees
a transposed view, (images, channels, height, width). A channel is then one contiguous row, which is
what normalisation needs, and all images of a pixel lie side by side. So a patch consists of long
runs, whatever the stride of the kernel, and a convolution is a product of plain matrices.

**Blocks that fit into the cache.** A convolution makes patches only for some rows of the image at a
time, 1 MB, multiplies them while they are in the core's own cache, and uses the same memory for the
next block (`correlation.py`). The large array of all patches is never made.

**Fused passes.** Batch normalisation, activation and dropout after a convolution are one function
(`hidden.py`): a block takes all three steps before the next block. For the backward pass only the
input is kept, and one bit a value for dropout. Noise is made and added in one pass (`noise.py`),
all changes of the augmentation are one pass (`augmentation.py`), and Adam with its weight decay is
one (`gan/train/optimizers.py`). Loops that NumPy cannot express are compiled by Numba
(`compute/compiled.py`).

**Less arithmetic.** Repeating pixels and then convolving them 3 x 3 is one transposed convolution
with 4 in place of 9 multiplications (`upsampling.py`). The generator's update computes no gradient
of the discriminator's weights (`gan/train/updater.py`).

**The same bytes on any number of threads.** The cores of a rank take blocks from a list
(`compute/parallel.py`). The blocks depend on the shapes alone, no two of them write to the same
values at the same time, and sums over blocks are added in the order of the blocks. So the result
does not depend on which thread computed what. Random numbers have a stream for each block.

**Gradients of gradients.** The gradient penalties differentiate a gradient. Of convolution,
transposed convolution and weight gradient, each has the other two as its gradients
(`convolution.py`). The resampling functions are linear, and their transposes are functions of the
same kind. `HiddenLayer` uses Chainer's functions when its gradient will be differentiated.

**Several ranks.** With synchronised statistics, batch normalisation sums over the ranks within a
layer, always in the order of the ranks (`ranks.py`).
"""
