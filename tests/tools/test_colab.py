import pytest

from tools import colab, run_notebooks

NAMES = sorted({*run_notebooks.ON_COLAB, *colab.KERNEL})
FREEZE = "# list\n" + "\n".join(f"{name.replace('-', '_')}==1.{i}" for i, name in enumerate(NAMES))


def test_packages_have_the_versions_of_colab_or_of_the_cell():
    found = colab.requirements(FREEZE + "\ntorch==2.0\ngoogle-colab @ file:///x.tar.gz")
    assert f"scikit-learn==1.{NAMES.index('scikit-learn')}" in found
    assert f"ipykernel==1.{NAMES.index('ipykernel')}" in found
    assert not any(line.startswith(("torch", "jupyterlab", "google")) for line in found)
    cell = run_notebooks.colab_cell()
    assert all(line in cell for line in found if line.lower().startswith(("opentsne", "umap")))


def test_a_package_that_colab_dropped_is_named():
    with pytest.raises(ValueError, match="no seaborn"):
        colab.requirements(FREEZE.replace("seaborn", "other"))
