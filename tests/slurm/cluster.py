"""A Slurm cluster on one Debian machine: real daemons, three nodes, in a throw-away folder."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

#: Debian's packages. (libpmix2 would do, had it the name that Slurm looks for: libpmix.so.)
PACKAGES = "slurmctld slurmd slurm-client munge libpmix-dev"
PROGRAMS = (
    "munged",
    "slurmctld",
    "slurmd",
    "srun",
    "sbatch",
    "squeue",
    "scontrol",
    "setpriv",
    "unshare",
)

#: Two nodes with two "GPUs" each, which are plain files, and one without; by name, in the order
#: in which Slurm fills them.
GPU_NODES = ("gpu1", "gpu2")
CPU_NODES = ("cpu1",)
NODES = (*GPU_NODES, *CPU_NODES)

#: One folder's `slurm.conf`. Cores and memory are what the tests want to see scheduled, not what
#: the machine has (config_overrides). The times are short, so that the tests are: KillWait is 30 s
#: by default, SlurmdTimeout 300 s, and a requeued job waits for the credential's 120 s.
CONFIGURATION = """
ClusterName=synaxial
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=bf_interval=2,sched_min_interval=200000
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
GresTypes=gpu
KillWait=5
SlurmdTimeout=6
ReturnToService=2
MinJobAge=600
{nodes}
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={gpu_nodes} MaxTime=INFINITE State=UP
"""

NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 "
    "RealMemory=32000 State=UNKNOWN"
)


def complaint() -> str:
    """Return why there can be no cluster on this machine; empty if there can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=search_path()) is None]
    if os.geteuid() != 0:
        missing.append("root")
    if not missing:
        return ""
    return (
        f"no Slurm to run here, for want of {', '.join(missing)}: it needs root and Debian's "
        f"packages {PACKAGES}"
    )


def search_path() -> str:
    """Return PATH with the folders where Debian puts daemons."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def free_ports(count: int) -> list[int]:
    """Return this many different ports on which nothing listens."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def end_processes_in(namespaces: set[str]) -> None:
    """Kill all processes of nodes; a host name of their own is what tells nodes apart."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if str((path / "ns" / "uts").readlink()) in namespaces:
                os.kill(int(path.name), signal.SIGKILL)
        except OSError:
            continue


class Cluster:
    """Munged, slurmctld and a slurmd for each node, started as root.

    A node's slurmd and its jobs have a host name and an /etc/slurm of their own (namespaces), so
    that they know each other by different names and find their configuration without SLURM_CONF,
    which jobs of Snakemake do not inherit.

    Parameters
    ----------
    folder
        Where all of its files go; it must not exist or be empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        # Ends the nodes' jobs when this process ends, however that may be.
        self.janitor = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, start_new_session=True
        )
        controller_port, *node_ports = free_ports(1 + len(NODES))
        host = socket.gethostname()
        self.configuration = CONFIGURATION.format(
            folder=folder,
            host=host,
            controller_port=controller_port,
            gpu_nodes=",".join(GPU_NODES),
            nodes="\n".join(
                NODE.format(name=name, host=host, port=port)
                + (" Gres=gpu:2" if name in GPU_NODES else "")
                for name, port in zip(NODES, node_ports, strict=True)
            ),
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find the cluster."""
        return {
            **os.environ,
            "PATH": search_path(),
            "SLURM_CONF": str(self.folder / "etc" / "slurm.conf"),
        }

    @property
    def small_disk(self) -> Path:
        """A disk of 1 MB that all nodes share, to be full on."""
        return self.folder / "small_disk"

    def start(self) -> None:
        """Start all daemons and wait until all nodes are idle.

        Raises
        ------
        RuntimeError
            A daemon has ended or the nodes are not idle after a minute; the logs are in it.
        """
        self._write_files()
        # Before the nodes start, or they would not see it.
        self.small_disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(self.small_disk)]
        subprocess.run(mount, check=True, capture_output=True)
        munged = [
            *("munged", "--foreground", "--force", "--num-threads=2"),
            f"--key-file={self.folder}/munge.key",
            f"--socket={self.folder}/munge.socket",
            f"--pid-file={self.folder}/munged.pid",
            f"--log-file={self.folder}/munged.log",
            f"--seed-file={self.folder}/munged.seed",
        ]
        self._start("munged", munged)
        self._wait((self.folder / "munge.socket").exists, "munged's socket")
        self._start("slurmctld", ["slurmctld", "-D", "-i"])
        for name in NODES:
            self.start_node(name)
        self._wait(lambda: set(self.node_states().values()) == {"idle"}, "idle nodes")

    def _write_files(self) -> None:
        for name in ("etc", "state", "spool", "gpus"):
            (self.folder / name).mkdir(parents=True)
        # munged insists on it: nobody else may be able to change these.
        self.folder.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        (self.folder / "etc" / "slurm.conf").write_text(self.configuration)
        devices = {f"{self.folder}/gpus/{node}_{k}": node for node in GPU_NODES for k in (0, 1)}
        for path in devices:
            Path(path).touch()
        lines = [f"NodeName={node} Name=gpu File={path}\n" for path, node in devices.items()]
        (self.folder / "etc" / "gres.conf").write_text("".join(lines))
        for name in NODES:
            # A real node has a /tmp of its own, where PMIx keeps files of the same name.
            (self.folder / f"tmp-{name}").mkdir()
            shutil.copytree(self.folder / "etc", self.folder / f"etc-{name}")
            content = f"PMIxCliTmpDirBase={self.folder}/tmp-{name}\n"
            (self.folder / f"etc-{name}" / "mpi.conf").write_text(content)

    def start_node(self, name: str) -> None:
        """Start a node's slurmd."""
        # A table of hosts, for the node's own name must mean something there; and exec, so that the
        # process that is started is the daemon in the end, and can be ended by its id.
        hosts = self.folder / f"hosts-{name}"
        hosts.write_text(Path("/etc/hosts").read_text() + f"127.0.0.1 {' '.join(NODES)}\n")
        script = (
            f"hostname {name}; mount --bind {hosts} /etc/hosts; mkdir -p /etc/slurm; "
            f"mount --bind {self.folder}/etc-{name} /etc/slurm; "
            # MPICH names its shared memory by the job's number, which begin at 1 again in each
            # cluster: without this it would find what killed jobs of the last one have left.
            f"mount -t tmpfs -o size=1g tmpfs /dev/shm; exec slurmd -D -N {name}"
        )
        environment = {**self.environment, "SLURM_CONF": "/etc/slurm/slurm.conf"}
        command = ["unshare", "--uts", "--mount", "sh", "-e", "-c", script]
        self._start(name, command, environment)

        # unshare's namespace is there once the host's name is.
        self._wait(lambda: self._namespace(name) != Path("/proc/self/ns/uts").readlink(), name)
        self.janitor.stdin.write(f"{self._namespace(name)}\n".encode())
        self.janitor.stdin.flush()

    def _namespace(self, name: str) -> Path:
        return Path(f"/proc/{self.processes[name].pid}/ns/uts").readlink()

    def _start(
        self, name: str, command: list[str], environment: dict[str, str] | None = None
    ) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                # Not even a tests' run that is killed leaves a daemon behind.
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment or self.environment,
                # Ctrl-C at a terminal is for what runs on the cluster, not for the cluster.
                start_new_session=True,
            )

    def _wait(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while not condition():
            ended = [name for name, p in self.processes.items() if p.poll() is not None]
            if ended or time.monotonic() > until:
                raise RuntimeError(f"no {what}; ended: {ended}\n{self.logs()}")
            time.sleep(0.1)

    def logs(self) -> str:
        """Return the last lines of all daemons' logs."""
        paths = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-15:])
            for path in paths
        )

    def command(self, *arguments: object, check: bool = True) -> str:
        """Run one of Slurm's commands and return what it prints."""
        done = subprocess.run(
            [str(argument) for argument in arguments],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            env=self.environment,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{arguments}: {done.stderr}")
        return done.stdout

    def node_states(self) -> dict[str, str]:
        """Return each node's state by its name; empty while slurmctld does not answer."""
        lines = self.command("sinfo", "-h", "-N", "-o", "%N %T", check=False).splitlines()
        return dict(line.split() for line in lines)

    def jobs(self) -> dict[int, str]:
        """Return the state of every job that Slurm still knows, by its number."""
        lines = self.command("squeue", "-h", "-t", "all", "-o", "%A %T").splitlines()
        return {int(number): state for number, state in (line.split() for line in lines)}

    def shared_memory(self, name: str) -> Path:
        """Return a node's own /dev/shm, as this process sees it."""
        return Path("/proc", str(self.processes[name].pid), "root", "dev", "shm")

    def kill_node(self, name: str) -> None:
        """End a node as a power cut does: its slurmd and all that runs there, at once."""
        namespace = self._namespace(name)
        daemon = self.processes.pop(name)
        end_processes_in({str(namespace)})
        daemon.wait(10)

    def clear(self) -> None:
        """End all jobs, put all nodes to work again, and empty the small disk."""
        self.command("scancel", "--user=root", check=False)
        for name in NODES:
            if name not in self.processes:
                self.start_node(name)
            self.command("scontrol", "update", f"nodename={name}", "state=resume", check=False)
        self._wait(lambda: not self.command("squeue", "-h", check=False), "end of all jobs")
        for path in self.small_disk.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._wait(lambda: set(self.node_states().values()) == {"idle"}, "idle nodes")

    def stop(self) -> None:
        """End all jobs, then all daemons, each by its id."""
        if "slurmctld" in self.processes:
            self.command("scancel", "--user=root", check=False)
            until = time.monotonic() + 10
            while self.command("squeue", "-h", check=False) and time.monotonic() < until:
                time.sleep(0.2)
        for name in [n for n in self.processes if n in NODES]:
            self.kill_node(name)
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self.processes.clear()
        self.janitor.communicate(timeout=30)
        if self.small_disk.is_mount():
            subprocess.run(["umount", str(self.small_disk)], check=False, capture_output=True)


if __name__ == "__main__":
    # The janitor: it learns the nodes' namespaces, and waits until nobody is there to tell more.
    end_processes_in(set(sys.stdin.read().split()))
