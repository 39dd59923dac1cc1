"""Builds libtrm with CMake and puts it, with the models that ship, into the package. Run from the source tree, whose
python/ this is: pip install --no-build-isolation ./python

TRM_STATIC=1     links jansson in and leaves zlib out: the wheel then needs glibc alone, and reads no gzip
TRM_PREBUILT=F   takes this libtrm instead of building one"""
import glob
import os
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    from wheel.bdist_wheel import bdist_wheel

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
SONAME = "libtrm.so.0.1"


def library():
    """The path of libtrm, built here unless one is named."""
    named = os.environ.get("TRM_PREBUILT")
    if named:
        return named
    if not os.path.exists(os.path.join(ROOT, "CMakeLists.txt")):
        sys.exit("trm: the source tree is not around this folder; build from a checkout: pip install ./python")
    static = "ON" if os.environ.get("TRM_STATIC") == "1" else "OFF"
    build = os.path.join(HERE, f"build-libtrm-{static.lower()}")
    ninja = ["-G", "Ninja"] if shutil.which("ninja") else []
    subprocess.check_call(["cmake", "-S", ROOT, "-B", build, *ninja, f"-DTRM_STATIC_JANSSON={static}", "-DTRM_TESTS=OFF"])
    subprocess.check_call(["cmake", "--build", build, "--target", "trm_shared", "-j", str(os.cpu_count() or 1)])
    return os.path.join(build, SONAME)


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        package = os.path.join(self.build_lib, "trm")
        for folder in ("_lib", "_models"):
            os.makedirs(os.path.join(package, folder), exist_ok=True)
        target = os.path.join(package, "_lib", SONAME)
        shutil.copyfile(os.path.realpath(library()), target)
        strip = shutil.which("strip")
        if strip:
            subprocess.check_call([strip, "--strip-unneeded", target])
        for model in glob.glob(os.path.join(ROOT, "models", "*.safetensors")) + glob.glob(os.path.join(ROOT, "models", "*.json")):
            shutil.copy(model, os.path.join(package, "_models"))


class WheelOfLibrary(bdist_wheel):
    """Any Python 3, but this machine's library: no extension module is in it."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class WithLibrary(Distribution):
    def has_ext_modules(self):
        return True


setup(distclass=WithLibrary, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": WheelOfLibrary})
