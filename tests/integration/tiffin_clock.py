"""A private stack whose Redis has a wall clock that can be set, as NTP or a machine that slept does."""
import os
import shutil
import subprocess

from tiffin_stack import ROOT, Stack

LIBRARY = ROOT / "build" / "test" / "set_clock.so"


class ClockStack(Stack):
    def __init__(self, **settings):
        super().__init__(**settings)
        subprocess.run(["make", "-s", "-C", ROOT, "build/test/set_clock.so"], check=True,
                       stdout=subprocess.DEVNULL)
        folder = self.folder / "bin"  # stands first in PATH
        folder.mkdir()
        wrapper = folder / "redis-server"
        wrapper.write_text(f"#!/bin/sh\nSET_CLOCK_FILE={self.folder}/clock LD_PRELOAD={LIBRARY} "
                           f"exec {shutil.which('redis-server')} \"$@\"\n")
        wrapper.chmod(0o755)
        self.set_clock(0)

    def environment(self, **more):
        env = super().environment(**more)
        env["PATH"] = f"{self.folder}/bin:{env['PATH']}"
        return env

    def set_clock(self, seconds):
        """Redis' clock differs from ours by so much from now on."""
        (self.folder / "clock.new").write_text(f"{seconds}\n")
        os.replace(self.folder / "clock.new", self.folder / "clock")
