"""Image references: what an engine takes, and what it makes of it."""

import pytest

from ospool_ep.configuration.image_reference import ImageReference, InvalidReference, parse
from ospool_ep.configuration.options import DEFAULT_GPU_IMAGE, DEFAULT_IMAGE

SHA256 = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("busybox", ImageReference("docker.io", "library/busybox")),
        ("busybox:1.36", ImageReference("docker.io", "library/busybox", "1.36")),
        ("osg/ep", ImageReference("docker.io", "osg/ep")),
        ("docker.io/busybox", ImageReference("docker.io", "library/busybox")),
        ("index.docker.io/busybox", ImageReference("docker.io", "library/busybox")),
        ("hub.osg-htc.org/osg-htc/ep:25-release", ImageReference("hub.osg-htc.org", "osg-htc/ep", "25-release")),
        ("localhost/ep", ImageReference("localhost", "ep")),
        ("localhost:5000/ep:a_B.c-1", ImageReference("localhost:5000", "ep", "a_B.c-1")),
        ("127.0.0.1:5000/a/b/c", ImageReference("127.0.0.1:5000", "a/b/c")),
        ("[::1]:5000/ep", ImageReference("[::1]:5000", "ep")),
        ("HUB/ep", ImageReference("HUB", "ep")),
        (f"ep@{SHA256}", ImageReference("docker.io", "library/ep", digest=SHA256)),
        (f"a.b/ep:1@{SHA256}", ImageReference("a.b", "ep", "1", SHA256)),
        ("a.b/c-d/e--f/g_h/i__j/k.l", ImageReference("a.b", "c-d/e--f/g_h/i__j/k.l")),
        ("a.b/" + "c" * 255, ImageReference("a.b", "c" * 255)),
        ("a:" + "b" * 128, ImageReference("docker.io", "library/a", "b" * 128)),
    ],
)
def test_a_reference_is_read(text: str, reference: ImageReference) -> None:
    assert parse(text) == reference
    assert parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "name"), (":1", "name"), ("a.b/", "name"), ("/a", "single"), ("a//b", "single"), ("a b", "single"),
        ("Ep", "capital"), ("a.b/Ep:1", "capital"), ("-a", "single"), ("a-", "single"), ("a___b", "single"),
        ("a..b", "single"), ("é", "single"), ("a\n", "single"),
        ("a:", "tag"), ("a:.b", "tag"), ("a:b c", "tag"), ("a:" + "b" * 129, "tag"), ("a:b:c", "tag"),
        ("a@", "digest"), ("a@sha256:abc", "digest"), (f"a@{SHA256.upper()}", "digest"), (f"a@{SHA256}0", "digest"),
        (f"a@{SHA256}@{SHA256}", "digest"), (f"a@md5:{'0' * 32}", "digest"),
        ("https://a.b/c", "scheme"), ("docker://a.b/c", "scheme"),
        ("host:/a", "HOST"), ("host:x/a", "HOST"), ("-a.b/c", "HOST"), ("a..b:80/c", "HOST"), ("[x]:80/a", "HOST"),
        ("0123456789abcdef" * 4, "id"), ("a.b/" + "c" * 256, "255"),
    ],
)  # fmt: skip
def test_what_is_no_reference_is_told_by_its_part(text: str, part: str) -> None:
    with pytest.raises(InvalidReference, match=part):
        parse(text)


def test_only_a_digest_pins() -> None:
    assert parse(f"ep:1@{SHA256}").pinned
    assert not parse("ep:1").pinned


@pytest.mark.parametrize("text", [DEFAULT_IMAGE, DEFAULT_GPU_IMAGE])
def test_the_default_images_are_references(text: str) -> None:
    assert str(parse(text)) == text
