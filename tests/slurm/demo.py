"""`make slurm-demo`: a Slurm cluster on this machine, and the demo on it."""

import subprocess
import sys
import tempfile
from pathlib import Path

from cluster import Cluster, complaint
from filling import fill_in

REPOSITORY = Path(__file__).parents[2]

#: Two nodes with a rank each: this machine's "nodes" share its cores, two of which are enough.
HEAD = {"nodes": 2, "ranks_per_node": 1, "gpus_per_rank": 0, "cores_per_rank": 1, "hours": 1}


def main() -> int:
    """Run the demo; return Snakemake's exit status."""
    if found := complaint():
        print(found, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="synaxial-slurm-") as name:
        folder = Path(name)
        (folder / "profile").mkdir()
        (folder / "profile" / "config.yaml").write_text(fill_in(**HEAD))
        command = [
            *(Path(sys.executable).with_name("snakemake"), "--profile", folder / "profile"),
            *("--configfile", "profiles/demo/study.yaml"),
            # Its own results, beside those of `make run`; and no longer waits than it must.
            *("--config", "results=results/slurm_demo"),
            *("--slurm-init-seconds-before-status-checks", "5"),
        ]
        cluster = Cluster(folder / "cluster")
        try:
            cluster.start()
            print(cluster.command("sinfo"), file=sys.stderr)
            return subprocess.run(
                command, env=cluster.environment, cwd=REPOSITORY, check=False
            ).returncode
        except KeyboardInterrupt:
            return 130
        finally:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
