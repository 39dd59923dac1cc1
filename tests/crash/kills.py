#!/usr/bin/env python3
"""kills.py TRM ROUNDS SEED: a run that is never stopped, and ROUNDS like it, each ended several times at random moments:
  KILL        the process is gone at once
  TERM, INT   it finishes the update, saves and leaves; a signal that comes before it is caught kills it
  TERM KILL   ... and is killed while it does so
  minutes     it ends by itself, by --max-minutes
Each attempt has one, two or three threads. Before some of them the folder that holds run and data is moved, and the paths in
config.json with it. At the end all checkpoints of the untouched run must be there with the same bytes, and so must best and
last model and the record of every update; only times and paths may differ. A stopped run has checkpoints beyond these."""
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

WAYS = ["KILL", "KILL", "KILL", "TERM", "INT", "TERM KILL", "minutes"]
MOST = 8  # attempts that are ended in a round
SHAPE = "--halt-max-steps 4 --H-cycles 1 --hidden-size 16 --L-layers 1 --expansion 2 --batch 12 --lr 4e-3"
TIMES = "--lr-warmup-steps 5 --steps 60 --save-every 4 --eval-every 7 --keep 100 --log-every 1"


def attempt(program, folder, threads, rng, way, seconds):
    """Starts or resumes the run in this folder and ends it so. Returns how it ended, "finished" when it got to its end."""
    run = os.path.join(folder, "run")
    minutes = ["--max-minutes", f"{rng.random() * seconds / 60:.6f}" if way == "minutes" else "0"]
    if os.path.exists(os.path.join(run, "config.json")):
        command = ["train", "--resume", run, *minutes]
    else:
        data = f"{folder}/data"
        command = ["train", data, "--valid", data, "--run", run, *SHAPE.split(), *TIMES.split(), *minutes]
    child = subprocess.Popen([program, *command, "--json", "--quiet"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=dict(os.environ, TRM_THREADS=str(threads)))
    for name in way.split() if way not in ("", "minutes") else []:
        try:
            child.wait(rng.random() * seconds * (0.1 if name != way.split()[0] else 1))
        except subprocess.TimeoutExpired:
            child.send_signal(getattr(signal, "SIG" + name))
    out, err = child.communicate(timeout=120)
    if child.returncode == 0:
        return "saved" if json.loads(out)["stopped"] else "finished"
    sent = [-getattr(signal, "SIG" + name) for name in way.split() if way != "minutes"]
    if child.returncode not in sent:
        sys.exit(f"{way}: {command} gave exit code {child.returncode}: {err}")
    return "killed"


def move(folder, rng):
    """Another place for run and data; where a run has begun, config.json is told."""
    new = f"{folder.rsplit('-', 1)[0]}-{rng.randrange(10**6)}"
    os.rename(folder, new)
    path = os.path.join(new, "run", "config.json")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(folder + "/", new + "/"))
    return new


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".safetensors"):
        return data
    if path.endswith(".jsonl"):
        lines = [json.loads(line) for line in data.splitlines()]
        return [{k: v for k, v in line.items() if k not in ("seconds", "examples_per_second")} for line in lines]
    value = json.loads(data)
    value.pop("crc32")
    if path.endswith("state.json"):
        value["history"].pop("seconds")
    else:
        for key in ("data", "valid", "run", "max_minutes"):
            value["train"].pop(key)
    return value


def tree(run):
    """Every file of the run but the lock, as what it says; of the event file its size, for its times differ."""
    found = {}
    for place, _, names in os.walk(run):
        for name in names:
            path = os.path.join(place, name)
            key = os.path.relpath(path, run)
            if name.startswith("events."):
                if "events" in found:
                    sys.exit(f"{run}: more than one event file")
                found["events"] = os.path.getsize(path)
            elif name != "lock":
                found[key] = read(path)
    return found


def compare(whole, run):
    """Problems; what a run was saved into when it was stopped comes on top."""
    mine = tree(run)
    wrong = [f"{p} is missing" for p in whole if p not in mine]
    wrong += [f"{p} differs" for p in whole if p in mine and mine[p] != whole[p]]
    extra = [p for p in mine if p not in whole and not p.startswith("checkpoints/step-")]
    return wrong + [f"{p} should not be there" for p in extra]


def main():
    program, rounds, seed = os.path.realpath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    print(f"seed {seed}, {rounds} rounds")
    here = os.getcwd()
    make = "data make --size 4 --no-minimal --max-clues 12 --train 40 --test 8 --quiet --out data"
    subprocess.run([program, *make.split()], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    shutil.copytree("data", "whole-0/data")
    began = time.monotonic()
    if attempt(program, f"{here}/whole-0", 2, random.Random(0), "", 0) != "finished":
        sys.exit("the untouched run did not finish")
    seconds = time.monotonic() - began
    whole = tree("whole-0/run")
    checkpoints = sum(p.endswith("state.json") for p in whole)
    if not any(line.get("halt_threshold") is not None for line in whole["metrics.jsonl"]):
        sys.exit("no model got a halting threshold: nothing is tested of that")
    models = {"last.safetensors", "best.safetensors"}
    if checkpoints != 15 or len(whole["metrics.jsonl"]) != 62 or not models <= set(whole):
        sys.exit(f"the untouched run is not what was asked for: {sorted(whole)}")
    ends, bad = collections.Counter(), 0
    for number in range(rounds):
        rng = random.Random(f"{seed}/{number}")
        shutil.copytree("data", f"round-{number}/data")
        folder, story, ended = f"{here}/round-{number}", [], 0
        while True:
            if rng.random() < 0.4:
                folder = move(folder, rng)
                story.append("move")
            way = rng.choice(WAYS) if ended < MOST else ""
            threads = rng.randint(1, 3)
            end = attempt(program, folder, threads, rng, way, seconds * rng.choice([0.2, 0.5, 0.9]))
            story.append(f"{way or 'to the end'}/{threads}: {end}")
            ends[way, end] += 1
            if end == "finished" and (ended > 1 or way == ""):
                break
            if end == "finished":  # the machine is faster now than when the untouched run was timed: again, and sooner
                shutil.rmtree(f"{folder}/run")
                seconds *= 0.7
                ended = 0
                continue
            ended += 1
        wrong = compare(whole, f"{folder}/run")
        if wrong:
            bad += 1
            print(f"round {number}: {', '.join(story)}:\n  " + "\n  ".join(wrong[:10]))
        shutil.rmtree(folder)
    for (way, end), n in sorted(ends.items()):
        print(f"{way or 'left alone':10} {end:9} {n}")
    kinds = {end for _, end in ends}
    if bad or not kinds >= {"killed", "finished"}:
        sys.exit(f"{bad} of {rounds} rounds ended with other bytes" if bad else "nothing was killed")


main()
