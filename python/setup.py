"""Builds libtrm with CMake and puts it, with the models that ship, into the package. Run from the source tree, whose
python/ this is: pip install --no-build-isolation ./python

TRM_BUNDLE=1     puts jansson, with its licence, beside libtrm: the wheel then needs glibc and zlib alone
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
    build = os.path.join(HERE, "build-libtrm")
    ninja = ["-G", "Ninja"] if shutil.which("ninja") else []
    subprocess.check_call(["cmake", "-S", ROOT, "-B", build, *ninja, "-DTRM_TESTS=OFF",
                           "-DTRM_YAML=" + ("OFF" if os.environ.get("TRM_BUNDLE") == "1" else "ON")])
    subprocess.check_call(["cmake", "--build", build, "--target", "trm_shared", "-j", str(os.cpu_count() or 1)])
    return os.path.join(build, SONAME)


def bundle(libtrm, folder):
    """Copies what libtrm needs beside glibc and zlib, under the names that it asks for (trm/_library.py loads it first)."""
    for line in subprocess.check_output(["ldd", libtrm], text=True).splitlines():
        name, arrow, rest = line.strip().partition(" => ")
        if arrow and name.startswith("libjansson"):
            shutil.copyfile(os.path.realpath(rest.split()[0]), os.path.join(folder, name))
    licence = "/usr/share/doc/libjansson4/copyright"
    if os.path.exists(licence):
        shutil.copyfile(licence, os.path.join(folder, "jansson-copyright.txt"))


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        package = os.path.join(self.build_lib, "trm")
        for folder in ("_lib", "_models"):
            os.makedirs(os.path.join(package, folder), exist_ok=True)
        target = os.path.join(package, "_lib", SONAME)
        libtrm = os.path.realpath(library())
        shutil.copyfile(libtrm, target)
        if os.environ.get("TRM_BUNDLE") == "1":
            bundle(libtrm, os.path.dirname(target))
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
