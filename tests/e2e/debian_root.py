"""A clean Debian root without a network: copied from the packages that this machine has.

    debian_root.py ROOT DEB... [-- PACKAGE...]

ROOT gets the files and dpkg's records of Debian's essential packages, of what the DEBs depend on, of the PACKAGEs and of
all that these depend on in turn, and of nothing else: what a DEB forgets to depend on is not there. Configuration that
maintainer scripts made is not repeated, but links of update-alternatives are. Exit status 77 where the machine does not
have such a package itself, or is no Debian."""
import glob
import os
import re
import subprocess
import sys

STATUS = "/var/lib/dpkg/status"


def stop(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def installed():
    """{name: stanza} of what is installed, and {name: [who provides it]}."""
    packages, provided = {}, {}
    with open(STATUS, encoding="utf-8") as file:
        for text in file.read().split("\n\n"):
            stanza = dict(re.findall(r"^([A-Za-z-]+): (.*(?:\n .*)*)", text, re.M))
            if not stanza.get("Status", "").endswith(" installed"):
                continue
            if stanza["Package"] in packages and stanza["Architecture"] not in (ARCHITECTURE, "all"):
                continue
            stanza["text"] = text.strip()
            packages[stanza["Package"]] = stanza
            for name in names_of(stanza.get("Provides", "")):
                provided.setdefault(name[0], []).append(stanza["Package"])
    return packages, provided


def names_of(field):
    """"a (>= 1), b | c:any" as [[a], [b, c]]."""
    return [[re.sub(r"[\s(:\[<].*", "", word.strip(), flags=re.S) for word in group.split("|")]
            for group in field.split(",") if group.strip()]


def depends(stanza):
    return names_of(",".join(stanza[key] for key in ("Pre-Depends", "Depends") if key in stanza))


def closure(wanted, packages, provided):
    """All packages that these groups of alternatives need."""
    taken, queue = {}, list(wanted)
    while queue:
        group = queue.pop()
        there = [name for choice in group for name in [choice, *provided.get(choice, [])] if name in packages]
        if not there:
            stop(f"this machine has no package {' | '.join(group)} to copy (tools/setup --test)")
        if not any(name in taken for name in there):
            taken[there[0]] = packages[there[0]]
            queue += depends(packages[there[0]])
    return taken


def records(name, stanza):
    """dpkg's own files about a package, whose names may have the architecture in them."""
    own = re.compile(re.escape(name) + f"(:{stanza['Architecture']})?" + r"\.[a-z0-9]+")
    return [path for path in glob.glob(f"/var/lib/dpkg/info/{name}*") if own.fullmatch(os.path.basename(path))]


def paths_of(taken):
    """Every path to copy. /bin and its like are links into /usr, which the packages do not list."""
    paths = {path for path in ("/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32") if os.path.islink(path)}
    for name, stanza in taken.items():
        for record in records(name, stanza):
            paths.add(record)
            if record.endswith(".list"):
                with open(record, encoding="utf-8") as file:
                    paths.update(line.rstrip("\n") for line in file)
    whole = {os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)) for path in paths if path != "/."}
    whole = {path for path in whole if not path.startswith(("/usr/share/locale/", "/usr/share/doc/", "/usr/share/man/"))}
    for found in subprocess.check_output(["find", "/usr", "-xdev", "-type", "l", "-lname", "/etc/alternatives/*"],
                                         text=True).split("\n"):
        if found and os.path.realpath(found) in whole:
            whole.update((found, os.readlink(found)))
    return sorted(path for path in whole if os.path.lexists(path))


def alternatives(paths):
    """{link in /etc/alternatives: target} where this machine has chosen a package that is not copied, and one that is would do."""
    paths, links = set(paths), {}
    for record in glob.glob("/var/lib/dpkg/alternatives/*"):
        link = f"/etc/alternatives/{os.path.basename(record)}"
        with open(record, encoding="utf-8") as file:
            lines = file.read().split("\n")
        there = [line for line in lines[2:] if line in paths and line != lines[1]]
        if there and os.path.realpath(link) not in paths:
            links[link] = (there[0], lines[1])
    return links


def write_triggers(root, taken):
    """Who waits for which change, such as libc-bin for new libraries, and that nobody waits now."""
    with open(os.path.join(root, "var/lib/dpkg/triggers/Unincorp"), "w", encoding="utf-8"):
        pass
    for path in glob.glob("/var/lib/dpkg/triggers/*"):
        if os.path.basename(path) in ("Lock", "Unincorp"):
            continue
        with open(path, encoding="utf-8") as file:
            lines = [line for line in file if re.split("[/:]", line.split()[-1])[0] in taken]
        if lines:
            with open(os.path.join(root, path.lstrip("/")), "w", encoding="utf-8") as file:
                file.writelines(lines)


def main():
    root, rest = sys.argv[1], sys.argv[2:]
    split = rest.index("--") if "--" in rest else len(rest)
    debs, extra = rest[:split], rest[split + 1:]
    packages, provided = installed()
    fields = [subprocess.check_output(["dpkg-deb", "-f", deb, "Package", "Depends", "Pre-Depends"], text=True) for deb in debs]
    stanzas = [dict(re.findall(r"^([A-Za-z-]+): (.*)", text, re.M)) for text in fields]
    own = {stanza["Package"] for stanza in stanzas}
    wanted = [[name] for name, stanza in packages.items() if stanza.get("Essential") == "yes"] + [[name] for name in extra]
    wanted += [group for stanza in stanzas for group in depends(stanza) if not own & set(group)]
    taken = closure(wanted, packages, provided)
    for folder in ("proc", "dev", "tmp", "etc/alternatives", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers",
                   "var/log", "root"):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    with open(os.path.join(root, "var/lib/dpkg/status"), "w", encoding="utf-8") as file:
        file.write("".join(stanza["text"] + "\n\n" for stanza in taken.values()))
    write_triggers(root, taken)
    paths = paths_of(taken)
    names = "\0".join(path.lstrip("/") for path in paths)
    copy = subprocess.Popen(["tar", "-C", "/", "-c", "--no-recursion", "--null", "-T", "-"], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
    unpack = subprocess.Popen(["tar", "-C", root, "-x"], stdin=copy.stdout)
    copy.stdin.write(os.fsencode(names))
    copy.stdin.close()
    if unpack.wait() or copy.wait():
        sys.exit("debian_root: tar failed")
    for link, (target, used_as) in alternatives(paths).items():
        for name, to in ((link, target), (used_as, link)):
            place = os.path.join(root, name.lstrip("/"))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            if not os.path.lexists(place):
                os.symlink(to, place)
    print(f"{len(taken)} packages")


if not os.path.exists(STATUS):
    stop("this is no Debian")
ARCHITECTURE = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
main()
