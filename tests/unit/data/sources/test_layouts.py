import pytest

from synaxial.data.sources.layouts import (
    LAYOUTS,
    choose_layout,
    find_files,
    find_volumes,
    layout_of_pattern,
)
from synaxial.io.errors import SynaxialError

KAGGLE = "BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData"

#: For each layout: files as such a copy has them, then what must be found.
TREES: dict[str, tuple[list[str], dict[str, tuple[str, str | None]]]] = {
    "brats2020": (
        [
            f"{KAGGLE}/name_mapping.csv",
            f"{KAGGLE}/survival_info.csv",
            f"{KAGGLE}/BraTS20_Training_001/BraTS20_Training_001_flair.nii",
            f"{KAGGLE}/BraTS20_Training_001/._BraTS20_Training_001_flair.nii",
            f"{KAGGLE}/BraTS20_Training_001/BraTS20_Training_001_t1.nii",
            f"{KAGGLE}/BraTS20_Training_001/BraTS20_Training_001_seg.nii",
            f"{KAGGLE}/BraTS20_Training_355/BraTS20_Training_355_flair.nii",
            f"{KAGGLE}/BraTS20_Training_355/W39_1998.09.19_Segm.nii",
            f"{KAGGLE}/BraTS20_Training_002/copy of BraTS20_Training_002_flair.nii",
            "BraTS2020_ValidationData/MICCAI_BraTS2020_ValidationData/"
            "BraTS20_Validation_001/BraTS20_Validation_001_flair.nii",
            "__MACOSX/BraTS20_Training_003/BraTS20_Training_003_flair.nii",
        ],
        {
            "BraTS20_Training_001": (
                f"{KAGGLE}/BraTS20_Training_001/BraTS20_Training_001_flair.nii",
                f"{KAGGLE}/BraTS20_Training_001/BraTS20_Training_001_seg.nii",
            ),
            "BraTS20_Training_355": (
                f"{KAGGLE}/BraTS20_Training_355/BraTS20_Training_355_flair.nii",
                f"{KAGGLE}/BraTS20_Training_355/W39_1998.09.19_Segm.nii",
            ),
            "BraTS20_Validation_001": (
                "BraTS2020_ValidationData/MICCAI_BraTS2020_ValidationData/"
                "BraTS20_Validation_001/BraTS20_Validation_001_flair.nii",
                None,
            ),
        },
    ),
    "brats2021": (
        [
            "BraTS2021_00003/BraTS2021_00003_flair.nii.gz",
            "BraTS2021_00003/BraTS2021_00003_t1ce.nii.gz",
            "BraTS2021_00003/BraTS2021_00003_seg.nii.gz",
        ],
        {
            "BraTS2021_00003": (
                "BraTS2021_00003/BraTS2021_00003_flair.nii.gz",
                "BraTS2021_00003/BraTS2021_00003_seg.nii.gz",
            )
        },
    ),
    "brats2023": (
        [
            "train/BraTS-GLI-00003-000/BraTS-GLI-00003-000-t2f.nii.gz",
            "train/BraTS-GLI-00003-000/BraTS-GLI-00003-000-t2w.nii.gz",
            "train/BraTS-GLI-00003-000/BraTS-GLI-00003-000-seg.nii.gz",
            "train/BraTS-GLI-00003-001/BraTS-GLI-00003-001-t2f.nii.gz",
        ],
        {
            "BraTS-GLI-00003-000": (
                "train/BraTS-GLI-00003-000/BraTS-GLI-00003-000-t2f.nii.gz",
                "train/BraTS-GLI-00003-000/BraTS-GLI-00003-000-seg.nii.gz",
            ),
            "BraTS-GLI-00003-001": (
                "train/BraTS-GLI-00003-001/BraTS-GLI-00003-001-t2f.nii.gz",
                None,
            ),
        },
    ),
    "msd": (
        [
            "Task01_BrainTumour/dataset.json",
            "Task01_BrainTumour/._dataset.json",
            "Task01_BrainTumour/imagesTr/BRATS_003.nii.gz",
            "Task01_BrainTumour/imagesTr/._BRATS_003.nii.gz",
            "Task01_BrainTumour/labelsTr/BRATS_003.nii.gz",
            "Task01_BrainTumour/imagesTs/BRATS_485.nii.gz",
        ],
        {
            "BRATS_003": (
                "Task01_BrainTumour/imagesTr/BRATS_003.nii.gz",
                "Task01_BrainTumour/labelsTr/BRATS_003.nii.gz",
            ),
            "BRATS_485": ("Task01_BrainTumour/imagesTs/BRATS_485.nii.gz", None),
        },
    ),
    "bids": (
        [
            "participants.tsv",
            "sub-003/anat/sub-003_FLAIR.nii.gz",
            "sub-003/anat/sub-003_FLAIR.json",
            "sub-003/anat/sub-003_T1w.nii.gz",
            "sub-004/ses-01/anat/sub-004_ses-01_run-1_FLAIR.nii",
            "sub-004/ses-01/anat/sub-004_ses-01_run-2_FLAIR.nii",
            "derivatives/bet/sub-003/anat/sub-003_FLAIR.nii.gz",
            "derivatives/lesions/sub-003/anat/sub-003_desc-tumour_dseg.nii.gz",
        ],
        {
            "sub-003": (
                "sub-003/anat/sub-003_FLAIR.nii.gz",
                "derivatives/lesions/sub-003/anat/sub-003_desc-tumour_dseg.nii.gz",
            ),
            "sub-004_ses-01_run-1": ("sub-004/ses-01/anat/sub-004_ses-01_run-1_FLAIR.nii", None),
            "sub-004_ses-01_run-2": ("sub-004/ses-01/anat/sub-004_ses-01_run-2_FLAIR.nii", None),
        },
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_finds_its_files_and_auto_finds_the_layout(name: str) -> None:
    paths, expected = TREES[name]
    found_name, layout = choose_layout("auto", paths, "copy")
    volumes = find_volumes(paths, layout)
    assert found_name == name
    assert set(volumes) == set(expected)
    assert find_files(paths, layout, expected, "copy") == {
        subject: [path for path in files if path is not None] for subject, files in expected.items()
    }


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_tree_of_another_layout_has_nothing(name: str) -> None:
    for other, (paths, _) in TREES.items():
        if other != name:
            assert not find_volumes(paths, LAYOUTS[name])


def test_auto_without_a_match_lists_the_layouts() -> None:
    with pytest.raises(SynaxialError, match=r"holds 1 files.*brats2020.*bids.*pattern"):
        choose_layout("auto", ["a.txt", "._b"], "copy")


def test_of_nii_and_nii_gz_the_checksummed_one_is_taken() -> None:
    folder = "BraTS20_Training_001/BraTS20_Training_001"
    paths = [f"{folder}_flair.nii", f"{folder}_flair.nii.gz", f"{folder}_seg.nii"]
    found = find_files(paths, LAYOUTS["brats2020"], ["BraTS20_Training_001"], "copy")
    assert found["BraTS20_Training_001"] == [f"{folder}_flair.nii.gz", f"{folder}_seg.nii"]


def test_a_second_segmentation_of_subject_355_wins() -> None:
    folder = "BraTS20_Training_355"
    paths = [
        f"{folder}/{folder}_flair.nii",
        f"{folder}/W39_1998.09.19_Segm.nii",
        f"{folder}/{folder}_seg.nii",
    ]
    found = find_files(paths, LAYOUTS["brats2020"], [folder], "copy")
    assert found[folder][1] == f"{folder}/{folder}_seg.nii"


def test_two_copies_of_a_subject_are_an_error() -> None:
    path = "BraTS20_Training_001/BraTS20_Training_001_flair.nii"
    with pytest.raises(SynaxialError, match=rf"BraTS20_Training_001: has 2 files: a/{path}, b/"):
        find_files(
            [f"a/{path}", f"b/{path}"], LAYOUTS["brats2020"], ["BraTS20_Training_001"], "copy"
        )


def test_a_free_pattern() -> None:
    layout = layout_of_pattern("scans/{subject}/*_{subject}.nii.gz", "masks/{subject}.nii")
    paths = ["scans/p7/flair_p7.nii.gz", "scans/p7/flair_p8.nii.gz", "masks/p7.nii", "p7.nii.gz"]
    assert find_files(paths, layout, ["p7"], "copy") == {
        "p7": ["scans/p7/flair_p7.nii.gz", "masks/p7.nii"]
    }
    assert set(find_volumes(paths, layout)) == {"p7"}


def test_the_dots_of_a_pattern_are_dots() -> None:
    assert not find_volumes(["p7xnii"], layout_of_pattern("{subject}.nii", None))
