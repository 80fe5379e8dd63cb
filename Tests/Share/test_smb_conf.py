"""systemd/smb.conf, served by a real smbd to real clients: guests and people with a password drop
photos and fetch the results; nobody sees or touches what is the service's or another's.

The service runs as a user of its own with the rights it has when installed (CAP_LEASE, the default
ACL on incoming/), the senders as others; none of them is root.
"""

import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import samba

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.pop("GPUSPOOL_BINARY", None) or ROOT / ".build/debug/gpuspool")
PHOTO = ROOT / "Tests/Photos/cat.png"
DEADLINE = 60  # seconds; only something broken ever waits so long
# Accounts of a Debian system that nothing runs as: the service, and two people.
SERVICE, MEMBER, STRANGER = "proxy", "games", "news"
ACL = "u:gpuspool:rwx,g::-,o::-"  # what smb.conf tells to set on incoming/

def missing():
    """What keeps this machine from running the tests; None when nothing does."""
    if os.geteuid() != 0:
        return "needs root, for users and smbd"
    for command in ("smbd", "smbpasswd", "smbclient", "testparm", "setfacl", "setpriv"):
        if not shutil.which(command):
            return f"needs {command}"
    known = {entry.pw_name for entry in pwd.getpwall()}
    absent = {SERVICE, MEMBER, STRANGER, "nobody"} - known
    return f"needs the users {', '.join(sorted(absent))}" if absent else None


def run(*command, **options):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=DEADLINE, **options)


def until(look, what):
    """What `look` gives as soon as it is not false."""
    deadline = time.monotonic() + DEADLINE
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {DEADLINE} s for {what}")
        time.sleep(0.02)
    return found


@unittest.skipIf(missing(), missing())
class SambaShare(unittest.TestCase):
    """One smbd and one service for all tests; each has names of its own."""

    @classmethod
    def setUpClass(cls):
        cls.place = Path(tempfile.mkdtemp(prefix="gpuspool-share-"))
        cls.addClassCleanup(shutil.rmtree, cls.place)
        cls.place.chmod(0o755)
        cls.spool = cls.place / "spool"
        # The service's user may not be able to look into the checkout.
        shutil.copy(PROGRAM, cls.place / "gpuspool")
        cls.as_service = [
            "setpriv", f"--reuid={SERVICE}", f"--regid={SERVICE}", "--clear-groups",
            "--inh-caps=-all,+lease", "--ambient-caps=-all,+lease", "--bounding-set=-all,+lease",
            "--", cls.place / "gpuspool", "--spool", cls.spool, "--set", "PYTHON=/usr/bin/python3"]
        cls.spool.mkdir()
        shutil.chown(cls.spool, SERVICE, SERVICE)
        made = run(*cls.as_service, "init", cwd=cls.place)
        if made.returncode != 0:
            raise unittest.SkipTest(f"{SERVICE} cannot run the program: {made.stdout}")
        incoming = cls.spool / "incoming"
        incoming.chmod(0o1777)
        run("setfacl", "-d", "-m", ACL.replace("gpuspool", SERVICE), incoming).check_returncode()
        cls.start_samba()
        with open(cls.place / "service.log", "wb") as log:
            cls.start([*cls.as_service, "run"], log)

    @classmethod
    def start(cls, command, log):
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, cwd=cls.place, start_new_session=True)
        cls.end_with_tests(process)

    @classmethod
    def end_with_tests(cls, process):
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.terminate)

    @classmethod
    def start_samba(cls):
        shipped = (ROOT / "systemd/smb.conf").read_text()
        here = shipped.replace("/var/spool/gpuspool", str(cls.spool))
        here = here.replace("@gpuspool-senders", f"@{MEMBER}")
        (cls.place / "share.conf").write_text(here)
        include = f"include = {cls.place}/share.conf\n"
        cls.config, cls.port = samba.configure(cls.place, include, (MEMBER, STRANGER))
        with open(cls.place / "smbd.log", "wb") as log:
            cls.end_with_tests(samba.start(cls.config, log))
        until(lambda: cls.as_guest("ls").returncode == 0, "smbd to answer")

    @classmethod
    def as_guest(cls, commands, share="spool"):
        return cls.client(["-N"], share, commands)

    @classmethod
    def as_user(cls, name, commands, share="spool-users"):
        return cls.client(["-U", f"{name}%{samba.PASSWORD}"], share, commands)

    @classmethod
    def client(cls, identity, share, commands):
        return run("smbclient", "-s", cls.config, "-p", cls.port, *identity,
                   f"//127.0.0.1/{share}", "-c", commands, cwd=cls.place)

    def done(self, outcome):
        self.assertEqual(outcome.returncode, 0, outcome.stdout)
        self.assertNotIn("NT_STATUS", outcome.stdout)
        return outcome

    def refused(self, outcome, *reasons):
        found = re.findall(r"NT_STATUS_\w+", outcome.stdout)
        self.assertTrue(found and set(found) <= {f"NT_STATUS_{name}" for name in reasons},
                        outcome.stdout)

    def listed(self, outcome):
        """The names in a listing."""
        lines = self.done(outcome).stdout.splitlines()
        names = {match[1] for line in lines if (match := re.match(r"  (\S.*?)  +[A-Z]* +\d", line))}
        return names - {".", ".."}

    def local(self, name, content):
        """A file on the client's side."""
        (self.place / name).write_bytes(content)
        return name

    def drop(self, client, stem, extra=""):
        """Drops a pair through a share, the photo under its final name; the result's bytes."""
        photo = self.local(f"{stem}.png", PHOTO.read_bytes())
        request = self.local(f"{stem}.json", b'{"instruction": "rotate 90"}')
        self.done(client(f"cd incoming; put {photo}; {extra}; put {request}"))
        return self.fetch(client, stem)

    def fetch(self, client, job):
        """Waits in the share for the job's end, and gets its result from there."""
        def ended():
            outcome = client(f"get status\\{job}.json view-{job}")
            if outcome.returncode != 0:
                return None
            view = json.loads((self.place / f"view-{job}").read_bytes())
            return view if view["completed_at"] else None
        view = until(ended, f"the end of {job} in the share")
        self.assertEqual(view["status"], "completed", view)
        self.done(client(f"get done\\{job}\\{view['result_path']} result-{job}"))
        result = (self.place / f"result-{job}").read_bytes()
        self.assertEqual(result, (self.spool / "done" / job / view["result_path"]).read_bytes())
        self.assertTrue(result.startswith(b"\x89PNG"))
        return result

    # --- The file ----------------------------------------------------------------------------

    def test_testparm_has_nothing_to_say(self):
        """Unknown parameters and invalid combinations are told on standard error."""
        outcome = subprocess.run(["testparm", "-s", self.config], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=DEADLINE)
        self.assertEqual(outcome.returncode, 0)
        told = [line for line in outcome.stderr.splitlines() if line and not re.match(
            "Load smb config|Loaded services|Weak crypto is allowed|Server role", line)]
        self.assertEqual(told, [])

    def test_the_acl_that_the_file_tells_is_the_one_tested(self):
        self.assertIn(f"setfacl -d -m {ACL} ", (ROOT / "systemd/smb.conf").read_text())

    # --- What is out of reach ----------------------------------------------------------------

    def test_what_can_be_seen_of_the_spool(self):
        (self.spool / "desktop.ini").touch()
        until(lambda: (self.spool / "queue.json").exists(), "the view of the queue")
        names = {"HOWTO.txt", "done", "failed", "incoming", "queue.json", "rejected", "status"}
        self.assertEqual(self.listed(self.as_guest("ls")), names)
        self.assertEqual(self.listed(self.as_user(MEMBER, "ls")), names)
        self.done(self.as_guest("get HOWTO.txt howto; get queue.json queue"))
        self.assertEqual((self.place / "howto").read_bytes(),
                         (self.spool / "HOWTO.txt").read_bytes())

    def test_what_is_the_services_alone_has_no_name(self):
        # As careless as an operator may be.
        bundle = self.spool / "queued/secret@"
        bundle.mkdir()
        (bundle / "photo.png").touch()
        self.addCleanup(shutil.rmtree, bundle)
        for name in ("queued", "running"):
            (self.spool / name).chmod(0o777)
            self.addCleanup((self.spool / name).chmod, 0o700)
        for path in ("queued\\*", "queued\\secret@\\*", "running\\*", ".spool\\*"):
            self.refused(self.as_guest(f"ls {path}"), "OBJECT_NAME_NOT_FOUND",
                         "OBJECT_PATH_NOT_FOUND")
        for path in ("queued\\secret@\\photo.png", ".spool\\version", ".spool\\stations\\x",
                     "spool.conf"):
            self.refused(self.as_guest(f"get {path} nothing"), "OBJECT_NAME_NOT_FOUND",
                         "OBJECT_PATH_NOT_FOUND")
        file = self.local("file.png", b"x")
        self.refused(self.as_guest(f"put {file} queued\\{file}"), "OBJECT_PATH_NOT_FOUND")
        self.refused(self.as_guest("rmdir running"), "OBJECT_NAME_NOT_FOUND")

    def test_nobody_changes_what_is_answered(self):
        self.drop(self.as_guest, "answer")
        file = self.local("file.png", b"x")
        for place in ("", "done\\", "done\\answer\\", "failed\\", "rejected\\", "status\\"):
            self.refused(self.as_guest(f"put {file} {place}{file}"), "ACCESS_DENIED")
            self.refused(self.as_user(MEMBER, f"mkdir {place}made"), "ACCESS_DENIED")
        for command in ("put file.png HOWTO.txt", "put file.png status\\answer.json",
                        "del status\\answer.json", "del queue.json", "rename done\\answer incoming\\b",
                        "del done\\answer\\answer.png", "rmdir done"):
            self.refused(self.as_guest(command), "ACCESS_DENIED", "DIRECTORY_NOT_EMPTY")
        self.assertTrue((self.spool / "done/answer/answer.png").exists())
        # The lock of a bundle is not theirs to hold.
        self.refused(self.as_guest("get done\\answer\\lease lease"), "ACCESS_DENIED",
                     "OBJECT_NAME_NOT_FOUND")

    def test_links_lead_nowhere(self):
        for number, target in enumerate(("/etc/hostname", "../spool.conf", "../.spool/version")):
            link = self.spool / f"done/link-{number}"
            link.symlink_to(target)
            self.addCleanup(link.unlink)
            self.refused(self.as_guest(f"get done\\link-{number} link"), "OBJECT_NAME_NOT_FOUND",
                         "ACCESS_DENIED", "STOPPED_ON_SYMLINK")

    # --- Senders -----------------------------------------------------------------------------

    def test_guests_drop_and_fetch(self):
        self.drop(self.as_guest, "guest")

    def test_a_folder_is_taken_as_a_whole(self):
        photo = self.local("photo.png", PHOTO.read_bytes())
        request = self.local("what.json", b'{"instruction": "sepia"}')
        self.done(self.as_guest(f"cd incoming; mkdir folder; cd folder; put {photo}; put {request}"))
        self.fetch(self.as_guest, "folder")
        until(lambda: not (self.spool / "incoming/folder").exists(), "the folder to go")

    def test_attributes_do_not_shut_the_service_out(self):
        self.drop(self.as_guest, "hidden", "setmode hidden.png +rhs")

    def test_people_drop_and_fetch(self):
        as_member = lambda commands: self.as_user(MEMBER, commands)  # noqa: E731
        self.drop(as_member, "member")

    def test_the_share_of_people_is_for_them_alone(self):
        self.refused(self.as_user(STRANGER, "ls"), "ACCESS_DENIED")
        self.refused(self.as_guest("ls", share="spool-users"), "ACCESS_DENIED")

    def test_one_sender_neither_sees_nor_changes_anothers_drop(self):
        photo = self.local("mine.png", PHOTO.read_bytes())
        self.done(self.as_user(MEMBER, f"cd incoming; put {photo}"))
        self.assertIn("mine.png", self.listed(self.as_user(MEMBER, "cd incoming; ls")))
        self.assertNotIn("mine.png", self.listed(self.as_guest("cd incoming; ls")))
        file = self.local("file.png", b"x")
        for command in ("get mine.png theirs", f"put {file} mine.png", "rename mine.png theirs.png",
                        "del mine.png"):
            self.refused(self.as_guest(f"cd incoming; {command}"), "ACCESS_DENIED",
                         "OBJECT_NAME_NOT_FOUND", "NO_SUCH_FILE")
        self.assertEqual((self.spool / "incoming/mine.png").read_bytes(), PHOTO.read_bytes())
        request = self.local("mine.json", b'{"instruction": "rotate 90"}')
        self.done(self.as_user(MEMBER, f"cd incoming; put {request}"))
        self.fetch(lambda commands: self.as_user(MEMBER, commands), "mine")

    def test_what_systems_leave_in_folders_stays_out(self):
        for name in ("Thumbs.db", "ehthumbs.db", "desktop.ini", ".DS_Store"):
            file = self.local("leftover", b"x")
            self.refused(self.as_guest(f"put {file} incoming\\{name}"), "OBJECT_NAME_NOT_FOUND")


if __name__ == "__main__":
    unittest.main()
