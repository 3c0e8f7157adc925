"""What is known of a judge: what it was trained on, and how well it tells levels and tumours."""

from pydantic import BaseModel, ConfigDict, FiniteFloat

EXPECTED = "the record of `synaxial evaluate judge`"


class JudgeRecord(BaseModel):
    """The record of a judge, as in its file.

    `left_out` is why there is no judge, and then the rest is 0 or null. `people` and `images` are
    those of its training, `tested_people` and `tested_images` those of its test: the control
    `real`. Errors are means over the test images, in mm; the constant is the best level to say
    without looking. `tumour_auc` is how often it gives a slice with tumour the higher score than
    one without; null where not all slices have a segmentation, or all are of one kind.
    """

    model_config = ConfigDict(frozen=True)

    left_out: str | None = None
    people: int = 0
    images: int = 0
    tested_people: int = 0
    tested_images: int = 0
    level_error: FiniteFloat | None = None
    constant_error: FiniteFloat | None = None
    tumour_auc: FiniteFloat | None = None

    def in_words(self) -> str:
        """Return what a reader of the numbers must know of this judge, in words."""
        if self.left_out is not None:
            return f"Left out here: {self.left_out}."
        tumour = (
            "It learned nothing of tumours: segmentations are missing, or all slices are alike."
            if self.tumour_auc is None
            else f"AUC of tumour or not: {self.tumour_auc:.2f} (0.5 is guessing)."
        )
        return (
            f"The judge of this study was trained on {self.images} slices of {self.people} people. "
            f"On {self.tested_images} slices of {self.tested_people} others its mean error of the "
            f"level is {self.level_error:.1f} mm (without looking: "
            f"{self.constant_error:.1f}). {tumour}"
        )
