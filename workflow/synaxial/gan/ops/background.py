"""Exact background: a hard choice whose gradient is that of a soft one."""

from typing import Any

from synaxial.compute.chainer_compatibility import chainer

#: The value of background.
BACKGROUND = -1


class WithBackground(chainer.FunctionNode):
    """From (texture, logit) to (image,): the texture where the logit is above 0, else background.

    The gradient with respect to the logit is that of (texture + 1) sigmoid(logit) - 1, as if the
    choice were soft ("straight-through"; Bengio et al., 2013). So background is exactly -1 in
    training too, and no edge of the image is half-transparent.
    """

    def forward(self, inputs: tuple[Any, Any]) -> tuple[Any]:
        """Compute the image."""
        texture, logit = inputs
        self.retain_inputs((0, 1))
        xp = chainer.backend.get_array_module(texture)
        return (xp.where(logit > 0, texture, texture.dtype.type(BACKGROUND)),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> list[Any]:
        """Return the requested gradients of texture and logit; they are constants."""
        texture, logit = (variable.array for variable in self.get_retained_inputs())
        gradient = gradients[0].array
        xp = chainer.backend.get_array_module(texture)
        # s (1 - s) of the logistic function s, which overflows nowhere.
        slope = 0.25 / xp.cosh(xp.clip(logit / 2, -40, 40)) ** 2
        parts = [gradient * (logit > 0), gradient * (texture - BACKGROUND) * slope]
        return [chainer.as_variable(parts[index]) for index in indexes]


def with_background(texture: Any, logit: Any) -> Any:
    """Set the texture to -1 where the logit is not above 0; both are (N, 1, H, W)."""
    return WithBackground().apply((texture, logit))[0]
