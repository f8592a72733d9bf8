"""What tells whether a running pilot was made from another configuration, and outlives each release."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ospool_ep.configuration import options
from ospool_ep.configuration.contents import Configuration
from ospool_ep.configuration.option import GoesTo
from ospool_ep.configuration.options import DEFAULT_IMAGE
from ospool_ep.configuration.reading import read_configuration
from ospool_ep.container import from_configuration, specification
from ospool_ep.container.fingerprint import fingerprint
from ospool_ep.container.specification import FINGERPRINT_LABEL, ContainerSpec

NAMES = "GLIDEIN_Site=A-Site\nGLIDEIN_ResourceName=A-Resource\n"


def read(text: str, directory: Path) -> Configuration:
    path = directory / "ospool-ep.cfg"
    path.write_text(NAMES + text, encoding="utf-8")
    return read_configuration(str(path))[0]


def build(configuration: Configuration) -> ContainerSpec:
    return from_configuration.build(configuration, "/etc/osg/ospool-ep.tkn", 16 << 30, 1 << 20)


# What release 25.1.0 (commit 1924be8) has computed: it stands on the containers that run. A change of one makes running
# pilots look outdated when the package is upgraded: they would drain.
OF_25_1_0 = {
    "": "9ef6e314455689ff195a31a84cc27cf35df85c972eed4fb9ba1ff8bcde8d5eed",
    "NUM_CPUS=4\nMEMORY=2000\n": "c640ba561a10a379a2e51257bee3f61dd28a17d33fc79d73972f1128c1829db3",
    "WORKER_TEMP_DIR=/scratch\nTOKEN_LOCATION=/srv/token\n":
        "5bd4e759338a725dd80975b263a9ca2f416f9cd518f7a9b2bf021e08c9009e35",
    "TOKEN=a.secret.token\n": "d5e8aff3c599185c190ba588ff8ce106acf6a0395e39c2a3983d81d3c4ffc376",
    "BIND_MOUNT_CVMFS=yes\n": "63a1b7fba26538215d9cb63fe0c6326f4ef08ad216a22d58878d5dd6a4d4a2dc",
    'CVMFSEXEC_REPOS="oasis.opensciencegrid.org, atlas.cern.ch"\nCVMFS_QUOTA_LIMIT=4000\nCVMFS_HTTP_PROXY=\n':
        "b4bde4a72d0a577da1cb09e0d4c2328d83ba266e336a729a3debed5f9359b507",
    "PROVIDE_NVIDIA_GPU=true\nSINGULARITY_DISABLE_PID_NAMESPACES=False\n":
        "0974cd3aa6350849a8648c6ad555217ae176f5de3b37f64b4b6d72880655ff8a",
    "PROVIDE_NVIDIA_GPU=1\nNVIDIA_VISIBLE_DEVICES=0,1\n":
        "50f3573c20a67666ce27b7999978180a9aff2ee435f07814df4fb05055c5589d",
    f"OSPOOL_EP_IMAGE=hub.example.org/pilot@sha256:{'0' * 64}\n":
        "99878dcff9bd5ffff32dcd1ad95de26e264e959fc63f595e56e5f13a5a412643",
    "ACCEPT_JOBS_FOR_HOURS=62\nRETIREMENT_HOURS=10\nENABLE_REMOTE_SYSLOG=true\nITB=false\n":
        "9ef6e314455689ff195a31a84cc27cf35df85c972eed4fb9ba1ff8bcde8d5eed",
    "ACCEPT_JOBS_FOR_HOURS=24\nRETIREMENT_HOURS=2\nACCEPT_IDLE_MINUTES=5\nENABLE_REMOTE_SYSLOG=\nITB=true\n"
    "GLIDEIN_RANDOMIZE_NAME=yes\nCVMFSEXEC_DEBUG=on\n":
        "b8a11b80b83dadf5d880e8751df79083b859a1bade1984844d14eac0c4d933b8",
    "WORK_TEMP_DIR=/x\nOSPOOL_EP_NONSENSE=1\nOSPOOL_EP_UPDATE=now\nOSPOOL_EP_DRAIN_HOURS=5\n":
        "9ef6e314455689ff195a31a84cc27cf35df85c972eed4fb9ba1ff8bcde8d5eed",
    "NUM_CPUS=1\nMEMORY=900\nBIND_MOUNT_CVMFS=1\nWORKER_TEMP_DIR=/scratch/a b\nPROVIDE_NVIDIA_GPU=on\n"
    "SOMETHING_UNKNOWN='it is \"kept\", é'\nGLIDEIN_Start_Extra=(Owner == \"me\")\n":
        "71315c591a8141f2329526f9e029bd0ce280b756a196c0c8adc12cfaae294e27",
    # Passed on in another form since 25.3.0.
    "GLIDEIN_Start_Extra=A || B\n": "0665a3c2da18a3126bece5b13d7e8644f6bc3ade923c940e2070bd7675274c19",
    "GLIDEIN_Start_Extra=(A || B)\n": "17d1c70c9554fcd67bade07fe07b9643f68df555fc5653f1a65d504883525145",
    "POOL=\nACCEPT_IDLE_MINUTES=\nITB=\nENABLE_REMOTE_SYSLOG=\nGARBAGE_COLLECTION=\n":
        "6aa4fb92e26a979b5842076d7c101297a26619e5837b858b72db19a99a8feb85",
    "ACCEPT_JOBS_FOR_HOURS=062\nRETIREMENT_HOURS=010\nNUM_CPUS=04\nMEMORY=+2000\nACCEPT_IDLE_MINUTES=030\n":
        "fb435b738eb16b1cc69e1456c1f1714e0560968a0e372fd734ee2e325bab1862",
    "CVMFSEXEC_REPOS=,\nSUPERVISORD_RESTART_POLICY=true\nAPPTAINER_REGISTRY_MIRROR=m.example.org\n"
    "_CONDOR_START=True\n_condor_NETWORK_INTERFACE=10.0.0.1\n":
        "5093d25e20988998675272a1dfb1467539d1eb45f74ec47b73c214a788588905",
    "PROVIDE_NVIDIA_GPU=1\nNVIDIA_VISIBLE_DEVICES=\nNUM_CPUS=2.5\nALLOW_CPUJOB_ON_GPUSLOT=1\n":
        "71f6f8763f15b20cabd6a66b77f4e770d445df56803c00e25ccef9452341a270",
}  # fmt: skip


@pytest.mark.parametrize("text", OF_25_1_0)
def test_the_pilots_of_the_first_release_stay_up_to_date(text: str, tmp_path: Path) -> None:
    assert fingerprint(read(text, tmp_path)) == OF_25_1_0[text]


ALL = "NUM_CPUS=1\nMEMORY=900\nBIND_MOUNT_CVMFS=1\nWORKER_TEMP_DIR=/scratch\nPROVIDE_NVIDIA_GPU=1\n"


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ContainerSpec) if field.name != "labels"])
def test_another_rendering_is_no_other_configuration(
    field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rendered_otherwise(**fields: Any) -> ContainerSpec:
        return ContainerSpec(**{**fields, field: "what the next release makes of it"})

    configuration = read(ALL, tmp_path)
    before = build(configuration)
    monkeypatch.setattr(from_configuration, "ContainerSpec", rendered_otherwise)
    after = build(configuration)
    assert getattr(before, field) != getattr(after, field)
    assert before.labels == after.labels


@pytest.mark.parametrize("module", [from_configuration, specification])
def test_no_constant_of_the_container_counts(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = read(ALL, tmp_path)
    before = fingerprint(configuration)
    numbers_and_words = {name for name, value in vars(module).items() if name.isupper() and type(value) in (int, str)}
    for name in numbers_and_words:
        monkeypatch.setattr(module, name, vars(module)[name] * 2)
    assert numbers_and_words
    assert fingerprint(configuration) == before


def test_a_default_that_a_later_release_changes_makes_no_pilot_outdated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint(read("", tmp_path))
    changed = {
        name: dataclasses.replace(option, default="1")
        for name, option in options.OPTIONS.items()
        if option.goes_to is GoesTo.PILOT and not option.required
    }
    monkeypatch.setattr("ospool_ep.configuration.contents.OPTIONS", {**options.OPTIONS, **changed})
    monkeypatch.setattr("ospool_ep.configuration.reading.OPTIONS", {**options.OPTIONS, **changed})
    after = read("", tmp_path)
    assert after.pilot_environment()["CVMFS_QUOTA_LIMIT"] == "1"
    assert fingerprint(after) == before


def test_the_fingerprint_is_on_the_container(tmp_path: Path) -> None:
    configuration = read("", tmp_path)
    spec = build(configuration)
    assert dict(spec.labels)[FINGERPRINT_LABEL] == fingerprint(configuration)


SAME = {
    "order of the lines": ("ITB=true\nPOOL=x\n", "POOL=x\nITB=true\n"),
    "a comment": ("", "# nothing\n"),
    "another spelling of a host's truth value": ("BIND_MOUNT_CVMFS=yes", "BIND_MOUNT_CVMFS=1"),
    "the default image by its name": ("", f"OSPOOL_EP_IMAGE={DEFAULT_IMAGE}"),
    "another token in the configuration": ("TOKEN=one", "TOKEN=other"),
    "the host's name asked for": ("", "OSPOOL_EP_ADVERTISE_HOST=true\n"),
    "no host's name beside a random one": (
        "GLIDEIN_RANDOMIZE_NAME=true\n",
        "GLIDEIN_RANDOMIZE_NAME=true\nOSPOOL_EP_ADVERTISE_HOST=no\n",
    ),
    "GPUs chosen where none is offered": ("", "OSPOOL_EP_GPUS=0\n"),
    "places for a CVMFS that the pilot does not mount": (
        "",
        "OSPOOL_EP_CVMFS_CACHE=/c\nOSPOOL_EP_CVMFS_LOGS=/l\nOSPOOL_EP_CVMFS_DEFAULT=/d\n",
    ),
    "other hours": ("OSPOOL_EP_HOURS=18-8\n", "OSPOOL_EP_HOURS=Sat-Sun 0-24\n"),
    "no hours": ("", "OSPOOL_EP_HOURS=\n"),
    "the usual priority": ("", "OSPOOL_EP_PRIORITY=normal\n"),
    "the usual file of attributes by its name": ("", "OSPOOL_EP_EXTRA_ATTRIBUTES=/etc/osg/extra-attributes.cfg\n"),
}
OTHER = {
    "a pilot's key": ("", "ITB=true\n"),
    "an unknown key": ("", "SOMETHING=1\n"),
    "an empty key and none": ("POOL=\n", ""),
    "CPUs": ("", "NUM_CPUS=3\n"),
    "memory": ("MEMORY=2000", "MEMORY=2001\n"),
    "the scratch": ("WORKER_TEMP_DIR=/a\n", "WORKER_TEMP_DIR=/b\n"),
    "the place of the token": ("", "TOKEN_LOCATION=/srv/token\n"),
    "a token in the configuration": ("", "TOKEN=one\n"),
    "CVMFS": ("", "BIND_MOUNT_CVMFS=yes\n"),
    "the image": ("", "OSPOOL_EP_IMAGE=hub.example.org/pilot:1\n"),
    "a GPU": ("OSPOOL_EP_IMAGE=a/b\n", "OSPOOL_EP_IMAGE=a/b\nPROVIDE_NVIDIA_GPU=1\n"),
    "no host's name": ("", "OSPOOL_EP_ADVERTISE_HOST=false\n"),
    "a host's name beside a random one": (
        "GLIDEIN_RANDOMIZE_NAME=true\n",
        "GLIDEIN_RANDOMIZE_NAME=true\nOSPOOL_EP_ADVERTISE_HOST=yes\n",
    ),
    "GPUs chosen": ("PROVIDE_NVIDIA_GPU=1\n", "PROVIDE_NVIDIA_GPU=1\nOSPOOL_EP_GPUS=0\n"),
    "a place for CVMFS's cache": ("CVMFSEXEC_REPOS=a.b\n", "CVMFSEXEC_REPOS=a.b\nOSPOOL_EP_CVMFS_CACHE=/c\n"),
    "another file of attributes": ("", "OSPOOL_EP_EXTRA_ATTRIBUTES=/etc/osg/other.cfg\n"),
    "a guest": ("", "OSPOOL_EP_PRIORITY=backfill\n"),
    "hours": ("", "OSPOOL_EP_HOURS=18-8\n"),
    "other GPUs": ("PROVIDE_NVIDIA_GPU=1\n", "PROVIDE_NVIDIA_GPU=1\nNVIDIA_VISIBLE_DEVICES=0\n"),
}


@pytest.mark.parametrize("what", SAME)
def test_the_fingerprint_is_the_same_with(what: str, tmp_path: Path) -> None:
    one, other = (fingerprint(read(text, tmp_path)) for text in SAME[what])
    assert one == other


@pytest.mark.parametrize("what", OTHER)
def test_the_fingerprint_changes_with(what: str, tmp_path: Path) -> None:
    one, other = (fingerprint(read(text, tmp_path)) for text in OTHER[what])
    assert one != other
