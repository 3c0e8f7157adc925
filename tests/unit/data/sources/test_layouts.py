import json
from collections.abc import Callable
from typing import Any

import pytest

from synaxial.data.sources.layouts import (
    LAYOUTS,
    choose_layout,
    find_files,
    find_people,
    find_volumes,
    layout_of_pattern,
)
from synaxial.io.errors import SynaxialError

KAGGLE = "BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData"

#: For each layout: files as such a copy has them, then what must be found.
TREES: dict[str, tuple[list[str], dict[str, tuple[str, str | None]]]] = {
    "brats2017": (
        [
            "HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_flair.nii.gz",
            "HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_t2.nii.gz",
            "HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_seg.nii.gz",
            "LGG/BraTS19_2013_0_1/BraTS19_2013_0_1_flair.nii",
            "survival_data.csv",
            "Brats17_TCIA_105_1/Brats17_TCIA_105_1_flair.nii.gz",
        ],
        {
            "Brats18_CBICA_AAB_1": (
                "HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_flair.nii.gz",
                "HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_seg.nii.gz",
            ),
            "BraTS19_2013_0_1": ("LGG/BraTS19_2013_0_1/BraTS19_2013_0_1_flair.nii", None),
            "Brats17_TCIA_105_1": ("Brats17_TCIA_105_1/Brats17_TCIA_105_1_flair.nii.gz", None),
        },
    ),
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
    "upenn-gbm": (
        [
            "images_structural/UPENN-GBM-00001_11/UPENN-GBM-00001_11_FLAIR.nii.gz",
            "images_structural/UPENN-GBM-00001_11/UPENN-GBM-00001_11_T1GD.nii.gz",
            "images_structural/UPENN-GBM-00001_21/UPENN-GBM-00001_21_FLAIR.nii.gz",
            "images_structural/UPENN-GBM-00002_11/UPENN-GBM-00002_11_FLAIR.nii.gz",
            "images_structural_unstripped/UPENN-GBM-00002_11/"
            "UPENN-GBM-00002_11_FLAIR_unstripped.nii.gz",
            "automated_segm/UPENN-GBM-00001_11_automated_approx_segm.nii.gz",
            "automated_segm/UPENN-GBM-00002_11_automated_approx_segm.nii.gz",
            "images_segm/UPENN-GBM-00002_11_segm.nii.gz",
        ],
        {
            "UPENN-GBM-00001_11": (
                "images_structural/UPENN-GBM-00001_11/UPENN-GBM-00001_11_FLAIR.nii.gz",
                "automated_segm/UPENN-GBM-00001_11_automated_approx_segm.nii.gz",
            ),
            "UPENN-GBM-00001_21": (
                "images_structural/UPENN-GBM-00001_21/UPENN-GBM-00001_21_FLAIR.nii.gz",
                None,
            ),
            # What a person has corrected comes first.
            "UPENN-GBM-00002_11": (
                "images_structural/UPENN-GBM-00002_11/UPENN-GBM-00002_11_FLAIR.nii.gz",
                "images_segm/UPENN-GBM-00002_11_segm.nii.gz",
            ),
        },
    ),
    "ucsf-pdgm": (
        [
            "UCSF-PDGM-v3/UCSF-PDGM-0004_nifti/UCSF-PDGM-0004_FLAIR.nii.gz",
            "UCSF-PDGM-v3/UCSF-PDGM-0004_nifti/UCSF-PDGM-0004_FLAIR_bias.nii.gz",
            "UCSF-PDGM-v3/UCSF-PDGM-0004_nifti/UCSF-PDGM-0004_brain_segmentation.nii.gz",
            "UCSF-PDGM-v3/UCSF-PDGM-0004_nifti/UCSF-PDGM-0004_tumor_segmentation.nii.gz",
            "UCSF-PDGM-v3/UCSF-PDGM-0429_FU003d_nifti/UCSF-PDGM-0429_FU003d_FLAIR.nii.gz",
        ],
        {
            "UCSF-PDGM-0004": (
                "UCSF-PDGM-v3/UCSF-PDGM-0004_nifti/UCSF-PDGM-0004_FLAIR.nii.gz",
                "UCSF-PDGM-v3/UCSF-PDGM-0004_nifti/UCSF-PDGM-0004_tumor_segmentation.nii.gz",
            ),
            "UCSF-PDGM-0429_FU003d": (
                "UCSF-PDGM-v3/UCSF-PDGM-0429_FU003d_nifti/UCSF-PDGM-0429_FU003d_FLAIR.nii.gz",
                None,
            ),
        },
    ),
    # Channel 1 is FLAIR, as DESCRIPTION says.
    "nnunet": (
        [
            "Dataset137_BraTS2021/dataset.json",
            "Dataset137_BraTS2021/imagesTr/BraTS2021_00003_0000.nii.gz",
            "Dataset137_BraTS2021/imagesTr/BraTS2021_00003_0001.nii.gz",
            "Dataset137_BraTS2021/labelsTr/BraTS2021_00003.nii.gz",
            "Dataset137_BraTS2021/imagesTs/BraTS2021_00007_0001.nii.gz",
        ],
        {
            "BraTS2021_00003": (
                "Dataset137_BraTS2021/imagesTr/BraTS2021_00003_0001.nii.gz",
                "Dataset137_BraTS2021/labelsTr/BraTS2021_00003.nii.gz",
            ),
            "BraTS2021_00007": ("Dataset137_BraTS2021/imagesTs/BraTS2021_00007_0001.nii.gz", None),
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


def describe(**keys: Any) -> Callable[[str], bytes]:
    """Return a function that reads nnU-Net's dataset.json."""
    content = {"channel_names": {"0": "T1w", "1": "T2-FLAIR"}, **keys}
    return lambda path: json.dumps(content).encode()


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_finds_its_files_and_auto_finds_the_layout(name: str) -> None:
    paths, expected = TREES[name]
    found_name, layout = choose_layout("auto", paths, "copy", describe())
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
            both = [*paths, *TREES[name][0]]
            with pytest.raises(SynaxialError, match="copy: holds FLAIR volumes of the layouts"):
                choose_layout("auto", both, "copy", describe())
            assert choose_layout(name, both, "copy", describe())[0] == name


@pytest.mark.parametrize(
    ("labels", "no_tumour"),
    [
        ({"background": 0, "edema": 1, "RC": 4}, {4}),
        ({"0": "background", "1": "edema", "2": "resection cavity"}, {2}),
        ({"background": 0, "whole tumour": [1, 2], "core": [2], "ignore": 3}, {3}),
        ({"background": 0, "tumour": 1}, set()),
    ],
)
def test_a_cavity_of_nnunet_is_no_tumour(labels: dict[str, Any], no_tumour: set[int]) -> None:
    layout = choose_layout("nnunet", TREES["nnunet"][0], "copy", describe(labels=labels))[1]
    table = layout.labels_of("BraTS2021_00003")
    assert table == ({at: 0 if at in no_tumour else at for at in range(256)} if no_tumour else None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "dataset.json: cannot be read"),
        (b"[]", "dataset.json: cannot be read"),
        (b'{"modality": {"0": "T1"}}', r"names 0 channels FLAIR \(it has 0 T1\); expected one"),
        (b'{"channel_names": {"0": "FLAIR", "1": "FLAIR_bias"}}', "names 2 channels FLAIR"),
    ],
)
def test_a_bad_description_of_nnunet_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(SynaxialError, match=said):
        choose_layout("auto", TREES["nnunet"][0], "copy", lambda path: content)
    with pytest.raises(SynaxialError, match=r"holds 0 files dataset\.json beside folders imagesTr"):
        choose_layout("auto", TREES["nnunet"][0][1:], "copy", lambda path: content)


def test_auto_without_a_match_lists_the_layouts() -> None:
    with pytest.raises(SynaxialError, match=r"holds 1 files.*brats2020.*bids.*pattern"):
        choose_layout("auto", ["a.txt", "._b"], "copy", describe())


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


def test_several_segmentations_cost_no_subject() -> None:
    flair = "sub-01/anat/sub-01_FLAIR.nii.gz"
    several = [f"derivatives/{tool}/sub-01/anat/sub-01_dseg.nii.gz" for tool in ("a", "b")]
    layout = LAYOUTS["bids"]
    assert find_files([*several[::-1], flair], layout, ["sub-01"], "copy") == {
        "sub-01": [flair, *several]
    }
    # The one beside the image comes first.
    beside = "sub-01/anat/sub-01_dseg.nii.gz"
    found = find_files([*several, flair, beside], layout, ["sub-01"], "copy")
    assert found == {"sub-01": [flair, beside]}


def test_a_free_pattern() -> None:
    layout = layout_of_pattern("scans/{subject}/*_{subject}.nii.gz", "masks/{subject}.nii")
    paths = ["scans/p7/flair_p7.nii.gz", "scans/p7/flair_p8.nii.gz", "masks/p7.nii", "p7.nii.gz"]
    assert find_files(paths, layout, ["p7"], "copy") == {
        "p7": ["scans/p7/flair_p7.nii.gz", "masks/p7.nii"]
    }
    assert set(find_volumes(paths, layout)) == {"p7"}


def test_a_pattern_with_the_person() -> None:
    layout = layout_of_pattern("{person}/{subject}/flair.nii", "masks/{person}_{subject}.nii")
    paths = [
        "P1/week-1/flair.nii",
        "P1/week-2/flair.nii",
        "P2/P2_T1/flair.nii",
        "masks/P1_week-2.nii",
    ]
    volumes = find_volumes(paths, layout)
    # The name of a subject begins with the person's.
    assert find_people(volumes, layout) == {"P1_week-1": "P1", "P1_week-2": "P1", "P2_T1": "P2"}
    assert find_files(paths, layout, ["P1_week-2"], "copy")["P1_week-2"][1] == paths[3]
    layout = layout_of_pattern("{person}_{subject}.nii", None)
    volumes = find_volumes(["UCSD_0001_T1.nii"], layout)
    assert find_people(volumes, layout) == {"UCSD_0001_T1": "UCSD_0001"}


@pytest.mark.parametrize(
    ("paths", "people"),
    [
        (["1/1", "1/2", "2/1"], {"1": "1", "1_2": "1", "2_1": "2"}),
        (["2/20190501", "20/20190501"], {"2_20190501": "2", "20_20190501": "20"}),
        (["P1/P1-a", "P1/P1b"], {"P1-a": "P1", "P1_P1b": "P1"}),
    ],
)
def test_a_subject_begins_with_the_whole_name_of_the_person(
    paths: list[str], people: dict[str, str]
) -> None:
    layout = layout_of_pattern("{person}/{subject}/flair.nii.gz", None)
    volumes = find_volumes([f"{path}/flair.nii.gz" for path in paths], layout)
    assert find_people(volumes, layout) == people
    assert [len(files) for files in volumes.values()] == [1] * len(paths)


def test_the_dots_of_a_pattern_are_dots() -> None:
    assert not find_volumes(["p7xnii"], layout_of_pattern("{subject}.nii", None))
