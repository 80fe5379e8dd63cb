"""Installs gpuspool on the machine as its users do, and removes it again."""

from box import PROGRAM, SPOOL, UNITS
from cases import expect

# Where it puts what systemd reads.
FOLDER = "/usr/local/lib/systemd/system"


def install(box):
    told = box.machine.run("/run/share/gpuspool", "install")
    expect("systemctl enable --now gpuspool.target" in told, f"it does not say how to go on: {told}")
    for path in UNITS.glob("gpuspool*.[st]*"):
        if path.suffix in (".service", ".timer", ".target"):
            put = box.machine.path(f"{FOLDER}/{path.name}")
            expect(put.read_bytes() == path.read_bytes(), f"{put} is not as shipped")
    expect(box.machine.run(PROGRAM, "--version").startswith("gpuspool "), "it does not run")


def uninstall(box):
    """All is gone but the spool and its jobs."""
    box.drop("kept", "wait kept")
    box.wait("kept", "processing")
    box.go("kept")
    box.wait("kept", "completed")
    before = box.machine.run("find", SPOOL, "-path", "*/done/*", "-name", "*.png")
    box.machine.run(PROGRAM, "uninstall")
    expect(box.machine.run("find", SPOOL, "-path", "*/done/*", "-name", "*.png") == before,
           "jobs are gone")
    left = box.machine.run("find", "/usr/local", "/etc", "-name", "*gpuspool*", "-newer",
                           "/etc/machine-id", "-not", "-path", "*/.build/*")
    expect(left in ("", "/etc/gpuspool.env"), f"it left {left}")
    units = box.machine.systemctl("list-units", "--all", "--plain", "--no-legend", "gpuspool*")
    running = [line for line in units.splitlines() if " running" in line or " waiting" in line]
    expect(not running, f"these still run: {running}")
