"""A whole SLURM on this machine, on loopback and in one folder: munge, slurmctld, slurmd, and for accounts
slurmdbd with MariaDB. What is started is ended. A link at SLURM's usual place points to the folder meanwhile,
because Snakemake's job steps do not pass SLURM_CONF on; a machine that has a SLURM of its own is left alone.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

USUAL = Path("/etc/slurm/slurm.conf")
DAEMONS = ("munged", "slurmctld", "slurmd")
ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db")
# CPUs, memory and GPUs are only counted, so that the profile can ask for what a cluster would have.
CPUS, MEMORY_MB, GPUS = 64, 1_000_000, ("/dev/null", "/dev/zero", "/dev/full", "/dev/random")

SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
ReturnToService=2
JobRequeue=1
KillWait=5
OverTimeLimit=0
MinJobAge=3600
SchedulerParameters=sched_interval=2,sched_min_interval=100000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{accounting}
{nodes}
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=ALL MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={memory} "
    "Gres=gpu:{gpus} State=UNKNOWN"
)
WITHOUT_ACCOUNTS = "AccountingStorageType=accounting_storage/none"
WITH_ACCOUNTS = """
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd_port}
AccountingStoragePass={folder}/munge.socket
AccountingStoreFlags=job_comment
"""
SLURMDBD_CONF = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
CommunicationParameters=NoInAddrAny
DbdPort={dbd_port}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql_port}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""
SQL = """
CREATE DATABASE slurm_acct_db; CREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm';
GRANT ALL ON slurm_acct_db.* TO 'slurm'@'127.0.0.1'; FLUSH PRIVILEGES;
"""


def why_not(accounting: bool = False) -> str:
    """Return why no cluster can be started here; empty if one can."""
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    if USUAL.exists():
        return f"this machine has a SLURM of its own: {USUAL}"
    missing = [name for name in (*DAEMONS, *(ACCOUNTING if accounting else ())) if not shutil.which(name)]
    return f"Debian's slurm-wlm, slurmdbd and mariadb-server: no {', '.join(missing)}" if missing else ""


class SlurmCluster:
    """The cluster while the context lasts; `environment` points SLURM's commands to it.

    Its nodes are `node1` and so on, each a slurmd of this machine.
    """

    def __init__(self, folder: Path, accounting: bool = False, nodes: int = 1) -> None:
        self.folder, self.accounting = folder, accounting
        self.nodes = [f"node{number}" for number in range(1, nodes + 1)]
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "SlurmCluster":
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "slurmctld" in self._daemons:
            self.run("scancel", "--full", "--user=root", check=False)
            time.sleep(2)
        for name in reversed(self._daemons):
            self.stop(name, forget=False)
        USUAL.unlink(missing_ok=True)

    def run(self, *command: str, check: bool = True) -> str:
        """Return what a command of SLURM prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert not check or done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
        return done.stdout

    def start(self, name: str) -> None:
        """Start one of the daemons, which stays a child of this process."""
        log = (self.folder / f"{name}.out").open("ab")
        self._daemons[name] = subprocess.Popen(
            self._command(name), env=self.environment, stdout=log, stderr=log, start_new_session=True
        )

    def stop(self, name: str, forget: bool = True) -> None:
        """End a daemon, gently first."""
        daemon = self._daemons.pop(name) if forget else self._daemons[name]
        daemon.terminate()
        try:
            daemon.wait(timeout=20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def jobs(self) -> list[dict[str, str]]:
        """Return every job that the controller knows, with all that SLURM records of it."""
        lines = self.run("scontrol", "--oneliner", "show", "job", check=False).splitlines()
        parts = [[part.split("=", 1) for part in line.split() if "=" in part] for line in lines]
        return [dict(part) for part in parts if part]

    def _start(self) -> None:
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        for name in ("ctld", *self.nodes):
            (folder / name).mkdir()
        services = ("ctld_port", "dbd_port", "sql_port")
        ports = dict(zip((*services, *self.nodes), _free_ports(3 + len(self.nodes)), strict=True))
        facts = {"folder": folder, "host": socket.gethostname().split(".")[0], **ports}
        size = {"cpus": CPUS, "memory": MEMORY_MB, "gpus": len(GPUS)}
        nodes = [NODE.format(name=name, port=ports[name], **facts, **size) for name in self.nodes]
        facts["nodes"] = "\n".join(nodes)
        accounts = (WITH_ACCOUNTS if self.accounting else WITHOUT_ACCOUNTS).format(**facts)
        (folder / "slurm.conf").write_text(SLURM_CONF.format(**facts, accounting=accounts))
        USUAL.unlink(missing_ok=True)  # a link into a folder that is no more
        USUAL.parent.mkdir(exist_ok=True)
        USUAL.symlink_to(folder / "slurm.conf")
        devices = "\n".join(f"Name=gpu File={device}" for device in GPUS)
        (folder / "gres.conf").write_text(f"AutoDetect=off\n{devices}\n")
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o600)
        self._ports = ports
        self.start("munged")
        _wait(lambda: (folder / "munge.socket").exists(), "munged", folder)
        if self.accounting:
            self._start_accounting(facts)
        self.start("slurmctld")
        _wait(lambda: "UP" in self.run("scontrol", "ping", check=False), "slurmctld", folder)
        if self.accounting:
            self._add_accounts()
        for name in self.nodes:
            self.start(name)
            _wait(lambda name=name: "idle" in self._state(name), name, folder)  # type: ignore[misc]

    def _state(self, node: str) -> str:
        return self.run("sinfo", "--noheader", "--nodes", node, check=False)

    def _start_accounting(self, facts: dict[str, object]) -> None:
        data, sockets = self.folder / "sql", self.folder / "sql.socket"
        data.mkdir()
        install = ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}"]
        subprocess.run([*install, "--skip-test-db"], check=True, capture_output=True)
        self.start("mariadbd")
        _wait(sockets.exists, "mariadbd", self.folder)
        client = ["mariadb", "--no-defaults", f"--socket={sockets}", "--user=root"]
        subprocess.run(client, input=SQL, text=True, check=True, capture_output=True)
        conf = self.folder / "slurmdbd.conf"
        conf.write_text(SLURMDBD_CONF.format(**facts))
        conf.chmod(0o600)
        self.start("slurmdbd")
        _wait(lambda: self._accounts_answer(), "slurmdbd", self.folder)

    def _accounts_answer(self) -> bool:
        return "Cluster" in self.run("sacctmgr", "show", "cluster", check=False)

    def _add_accounts(self) -> None:
        self.run("sacctmgr", "--immediate", "add", "cluster", "test", check=False)
        self.run("sacctmgr", "--immediate", "add", "account", "main")
        self.run("sacctmgr", "--immediate", "add", "user", "root", "account=main")

    def _command(self, name: str) -> list[str]:
        folder = self.folder
        if name in self.nodes:
            return ["slurmd", "-D", "-N", name]
        return {
            "munged": [
                *("munged", "--foreground", "--force", f"--key-file={folder}/munge.key"),
                *(f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid"),
                *(f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed"),
            ],
            "mariadbd": [
                *("mariadbd", "--no-defaults", "--user=root", "--bind-address=127.0.0.1"),
                *(f"--port={self._ports['sql_port']}", f"--datadir={folder}/sql"),
                *(f"--socket={folder}/sql.socket", f"--pid-file={folder}/sql.pid"),
                "--innodb-buffer-pool-size=64M",
            ],
            "slurmdbd": ["slurmdbd", "-D"],
            "slurmctld": ["slurmctld", "-D"],
        }[name]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait(ready: Callable[[], bool], name: str, folder: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return
        time.sleep(0.3)
    logs = [path for path in (folder / f"{name}.log", folder / f"{name}.out") if path.exists()]
    raise AssertionError(f"{name} did not start: " + "".join(path.read_text()[-2000:] for path in logs))
