"""What is said of images, from where it is said to the gate that it opens."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import vex_counts
from registry.domain.gates.knowledge import Knowledge
from registry.domain.gates.signatures import Signatures
from registry.domain.scanning.scans import ScanResult
from registry.domain.scanning.settings import RepositoryScanSettings, ScanSettings
from registry.domain.signing.payload import payload, tag_of
from registry.domain.vex import kept as kept_module
from registry.domain.vex.kept import VexDocuments
from registry.domain.vex.recounting import Recounting
from registry.values.digest import Digest
from registry.values.errors import EntityNotFound, LimitExceeded, ParameterInvalid
from tests import images as made
from tests.application import SCOPE, OpenRegistry, Registry
from tests.domain.gates.test_signatures import SECRET, pem, sign, signature
from tests.domain.scanning.reports import vulnerability
from tests.domain.vex.said import csaf, cyclonedx, openvex, product, statement, text
from tests.gating import BAD, CVE, GOOD, bad_and_good, gate, scanned

NAME = "prod/app"
OPENVEX, IN_TOTO = "application/vnd.openvex+json", "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
ME = "arn:aws:iam::123456789012:user/me"


@pytest.fixture
def held(registry: Registry) -> Registry:
    bad_and_good(registry)
    gate(registry)
    return registry


def put(registry: Registry, document: Any = None, name: str = "app") -> None:
    content = text(openvex() if document is None else document)
    repository = registry.repositories.get(SCOPE, NAME)
    VexDocuments(registry.ground.database).put(repository, name, content, ME)


def remove(registry: Registry, name: str = "app") -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    VexDocuments(registry.ground.database).remove(repository, name)


def trust(registry: Registry, which: str, *keys: str) -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    settings = ScanSettings(vex_referrers=which, vex_keys=keys)
    RepositoryScanSettings(registry.ground.database).put(repository, settings)


def result(registry: Registry, image: made.Image = BAD) -> ScanResult:
    repository = registry.repositories.get(SCOPE, NAME)
    found = registry.stores.scans.report(repository, Digest.parse(image.digest))
    assert found is not None
    return found


def allowed(registry: Registry, image: made.Image = BAD) -> bool:
    """Whether the gates let it pass."""
    repository = registry.repositories.get(SCOPE, NAME)
    stored = registry.stores.images.get(repository, Digest.parse(image.digest))
    return not registry.stores.doors.verdicts(repository, stored)


def recount(registry: Registry) -> list[int]:
    """Let it be counted what is due; the images of which something else is said now."""
    changed: list[int] = []
    stores, database = registry.stores, registry.ground.database
    counting = Recounting(database, stores.scans, lambda _c, _r, image_id: changed.append(image_id))
    counting.run(threading.Event())
    return changed


def counts(registry: Registry, image: made.Image = BAD) -> tuple[dict[str, int], dict[str, int]]:
    """As lists of images show them."""
    repository = registry.repositories.get(SCOPE, NAME)
    state = registry.stores.scans.state(repository, Digest.parse(image.digest))
    assert state is not None
    return dict(state.counts), dict(state.suppressed)


@pytest.mark.parametrize("document", [openvex(), cyclonedx(), csaf()])
def test_a_document_opens_the_gate_and_the_finding_stays(held: Registry, document: Any) -> None:
    assert not allowed(held)
    put(held, document)
    assert allowed(held)
    (found,) = result(held).findings
    assert (found.id, found.suppressed) == (CVE, True)
    assert found.verdict is not None
    assert found.verdict.source == "the document 'app' of the repository"
    assert result(held).state.counts == {}
    assert result(held).state.suppressed == {"CRITICAL": 1}
    remove(held)
    assert not allowed(held)
    assert result(held).state.counts == {"CRITICAL": 1}


@pytest.mark.parametrize("status", ["affected", "under_investigation"])
def test_what_is_affected_is_marked_and_counts(held: Registry, status: str) -> None:
    put(held, openvex(statement(status=status, action_statement="upgrade")))
    (found,) = result(held).findings
    assert (found.suppressed, found.verdict and found.verdict.status) == (False, status)
    assert not allowed(held)


def test_a_new_statement_closes_the_gate_again(held: Registry) -> None:
    put(held)
    later = openvex(statement(status="affected", action_statement="x"), timestamp="2026-05-05")
    put(held, later, "later")
    assert not allowed(held)
    remove(held, "later")
    assert allowed(held)


def test_other_findings_keep_it_closed(held: Registry) -> None:
    scanned(held, NAME, BAD.digest, vulnerability(CVE), vulnerability("CVE-2"))
    put(held)
    assert not allowed(held)
    assert result(held).state.counts == {"CRITICAL": 1}


def test_a_repository_has_its_own(held: Registry) -> None:
    bad_and_good(held, "prod/other")
    put(held, openvex(statement("pkg:pypi/pyyaml@5.3")))
    other = held.repositories.get(SCOPE, "prod/other")
    stored = held.images.get(other, Digest.parse(BAD.digest))
    assert allowed(held)
    assert held.stores.doors.verdicts(other, stored)


def test_counts_in_lists_follow(held: Registry) -> None:
    assert recount(held) == []
    put(held)
    image_id = result(held).state.image_id
    assert counts(held) == ({"CRITICAL": 1}, {})  # a moment later they are right:
    assert recount(held) == [image_id]
    assert counts(held) == ({}, {"CRITICAL": 1})
    put(held, openvex(statement(), timestamp="2025-01-01"), "before")
    assert recount(held) == []  # what was said later counts
    remove(held)
    assert recount(held) == [image_id]  # it is said by another one now
    assert counts(held) == ({}, {"CRITICAL": 1})
    remove(held, "before")
    assert recount(held) == [image_id]
    assert counts(held) == ({"CRITICAL": 1}, {})


def test_a_mark_that_comes_while_it_is_counted_is_not_lost(held: Registry) -> None:
    put(held)

    class Slow:
        def report(self, *given: Any, **more: Any) -> Any:
            found = held.stores.scans.report(*given, **more)
            if len(held.rows()["vex_documents"]):
                remove(held)
            return found

    scans: Any = Slow()
    Recounting(held.ground.database, scans, lambda *_: None).run(threading.Event())
    assert counts(held) == ({"CRITICAL": 1}, {})


def test_an_index_is_judged_by_its_images(registry: Registry) -> None:
    registry.create(NAME)
    index = made.index({"amd64": BAD, "arm64": GOOD})
    registry.hold(NAME, index, "both")
    for each in (BAD, GOOD):
        scanned(registry, NAME, each.digest, vulnerability(CVE))
    scanned(registry, NAME, index.digest, vulnerability(CVE))
    put(registry, openvex(statement(product(BAD.digest))))
    assert result(registry, BAD).state.suppressed == {"CRITICAL": 1}
    assert result(registry, index).state.counts == {"CRITICAL": 1}
    put(registry, openvex(statement(product(index.digest))))  # all that it lists
    assert result(registry, GOOD).state.suppressed == {"CRITICAL": 1}
    assert result(registry, index).state.suppressed == {"CRITICAL": 1}
    recount(registry)
    assert counts(registry, index) == ({}, {"CRITICAL": 1})


# What is kept


def test_what_is_refused_is_not_kept(held: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    before = held.rows()
    with pytest.raises(ParameterInvalid, match=r"statements\[0\]\.status must be one of"):
        put(held, openvex(statement(status="fine")))
    with pytest.raises(ParameterInvalid, match="no name of a VEX document"):
        put(held, name="a/b")
    with pytest.raises(EntityNotFound, match="no VEX document 'app' of the repository 'prod/app'"):
        remove(held)
    assert held.rows() == before
    monkeypatch.setattr(kept_module, "MOST", 1)
    put(held)
    put(held, cyclonedx())  # in the place of the other
    with pytest.raises(LimitExceeded, match="at most 1"):
        put(held, name="second")


# Attached to the image


def attach(registry: Registry, kind: str, content: Any, *, annotated: bool = False) -> made.Image:
    blob = made.Blob(json.dumps(content).encode(), kind)
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": made.OCI_MANIFEST,
        "artifactType": kind,
        "config": made.Blob(b"{}", made.OCI_EMPTY).descriptor(),
        "layers": [blob.descriptor()],
        "subject": {
            "mediaType": made.OCI_MANIFEST,
            "digest": BAD.digest,
            "size": len(BAD.manifest),
        },
    }
    if annotated:
        manifest["annotations"] = {"moorage.scanned-at": "2026-01-01T00:00:00Z"}
    blobs = (made.Blob(b"{}", made.OCI_EMPTY), blob)
    image = made.Image(json.dumps(manifest).encode(), made.OCI_MANIFEST, blobs)
    registry.hold(NAME, image)
    return image


def in_toto(predicate: Any, digest: str = BAD.digest, kind: str = "https://openvex.dev/ns") -> Any:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": kind,
        "subject": [{"name": "app", "digest": {"sha256": digest.partition(":")[2]}}],
        "predicate": predicate,
    }


def envelope(statement_: Any, secret: Any = SECRET, kind: str = IN_TOTO) -> Any:
    body = json.dumps(statement_).encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(body), body)
    signature_ = base64.b64encode(sign(secret, signed)).decode()
    encoded = base64.b64encode(body).decode()
    return {"payloadType": kind, "payload": encoded, "signatures": [{"sig": signature_}]}


def test_what_is_attached_counts_for_nothing_unless_it_is_trusted(held: Registry) -> None:
    attach(held, OPENVEX, openvex())
    assert not allowed(held)
    trust(held, "all")
    assert allowed(held)
    trust(held, "none")
    assert not allowed(held)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (OPENVEX, openvex()),
        ("application/vnd.cyclonedx+json", cyclonedx()),
        (IN_TOTO, in_toto(openvex())),
        (IN_TOTO, envelope(in_toto(openvex()))),
        (IN_TOTO, in_toto(cyclonedx(), kind="https://cyclonedx.org/bom")),
        (BUNDLE, {"mediaType": BUNDLE, "dsseEnvelope": envelope(in_toto(openvex()))}),
    ],
)
def test_every_form_in_which_it_can_be_attached(held: Registry, kind: str, content: Any) -> None:
    trust(held, "all")
    image = attach(held, kind, content)
    assert allowed(held)
    (found,) = result(held).findings
    assert found.verdict is not None
    assert found.verdict.source == f"the referrer {image.digest}"
    held.images.delete(held.repositories.get(SCOPE, NAME), Digest.parse(image.digest))
    assert not allowed(held)


def cosigned(blob: made.Blob) -> made.Image:
    """As cosign lays an attestation beside an image: with a tag, and no subject."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": made.OCI_MANIFEST,
        "config": made.Blob(b"{}", made.OCI_EMPTY).descriptor(),
        "layers": [blob.descriptor()],
    }
    blobs = (made.Blob(b"{}", made.OCI_EMPTY), blob)
    return made.Image(json.dumps(manifest).encode(), made.OCI_MANIFEST, blobs)


def test_cosigns_tag(held: Registry) -> None:
    trust(held, "signed", pem())
    content = json.dumps(envelope(in_toto(openvex()))).encode()
    image = cosigned(made.Blob(content, "application/vnd.dsse.envelope.v1+json"))
    held.hold(NAME, image, BAD.digest.replace(":", "-") + ".att")
    assert allowed(held)
    assert recount(held)
    assert counts(held) == ({}, {"CRITICAL": 1})


@pytest.mark.parametrize(
    "content",
    [
        openvex(statement("pkg:oci/elsewhere")),
        in_toto(openvex(), digest=GOOD.digest),
        in_toto(openvex(), kind="https://slsa.dev/provenance/v1"),
        envelope(openvex()),
        envelope(in_toto(openvex()), kind="text/plain"),
        {"payloadType": IN_TOTO, "payload": "%%%", "signatures": []},
        {"payloadType": IN_TOTO, "payload": 1},
        {"dsseEnvelope": 1},
        [1],
        {"@context": "https://openvex.dev/ns"},
    ],
)
def test_what_says_nothing_of_the_image(held: Registry, content: Any) -> None:
    trust(held, "all")
    attach(held, IN_TOTO, content)
    assert not allowed(held)


def test_own_reports_say_nothing(held: Registry) -> None:
    """They repeat what was said: else nothing could ever be taken back."""
    trust(held, "all")
    attach(held, "application/vnd.cyclonedx+json", cyclonedx(), annotated=True)
    assert not allowed(held)


def test_only_what_is_signed_with_one_of_the_keys(held: Registry) -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - here alone

    trust(held, "signed", pem())
    stranger = ed25519.Ed25519PrivateKey.generate()
    attach(held, OPENVEX, openvex())
    attach(held, IN_TOTO, in_toto(openvex()))
    attach(held, IN_TOTO, envelope(in_toto(openvex()), stranger))
    turned = envelope(in_toto(openvex()))
    turned["payload"] = base64.b64encode(json.dumps(in_toto(openvex(author="x"))).encode()).decode()
    attach(held, IN_TOTO, turned)
    assert not allowed(held)
    repository = held.repositories.get(SCOPE, NAME)
    told = held.stores.vex.attached(repository, Digest.parse(BAD.digest))
    assert len(told) == 4
    assert {(each.document, each.reason) for each in told} == {
        (None, "no signature of it verifies with one of the keys")
    }
    attach(held, IN_TOTO, envelope(in_toto(openvex())))
    assert allowed(held)


def test_a_document_that_cosign_signed(held: Registry) -> None:
    trust(held, "signed", pem())
    image = attach(held, OPENVEX, openvex())
    assert not allowed(held)
    content = payload(NAME, Digest.parse(image.digest))
    text_ = base64.b64encode(sign(SECRET, content)).decode()
    held.hold(NAME, signature(content, text_), tag_of(Digest.parse(image.digest)))
    assert allowed(held)


def test_what_managed_signing_would_sign_is_not_signed_as_vex(held: Registry) -> None:
    """It signs what anybody pushes, unless that has a subject."""
    trust(held, "signed", pem())

    def sign_it(image: made.Image) -> None:
        content = payload(NAME, Digest.parse(image.digest))
        text_ = base64.b64encode(sign(SECRET, content)).decode()
        held.hold(NAME, signature(content, text_), tag_of(Digest.parse(image.digest)))

    index = made.index({"amd64": attach(held, OPENVEX, openvex())})
    held.hold(NAME, index)
    sign_it(index)
    assert not allowed(held)
    blob = made.Blob(
        json.dumps(in_toto(openvex())).encode(), "application/vnd.dsse.envelope.v1+json"
    )
    alone = cosigned(blob)
    held.hold(NAME, alone, BAD.digest.replace(":", "-") + ".att")
    sign_it(alone)
    assert not allowed(held)


def test_counts_follow_what_is_attached(held: Registry) -> None:
    trust(held, "all")
    recount(held)
    image = attach(held, OPENVEX, openvex())
    assert recount(held)
    assert counts(held) == ({}, {"CRITICAL": 1})
    held.images.delete(held.repositories.get(SCOPE, NAME), Digest.parse(image.digest))
    assert recount(held)
    assert counts(held) == ({"CRITICAL": 1}, {})


def test_nothing_is_marked_where_nobody_is_trusted(held: Registry) -> None:
    attach(held, OPENVEX, openvex())
    with held.ground.database.read() as connection:
        assert connection.execute(sa.select(vex_counts)).all() == []


def test_findings_in_memory_are_judged_anew(held: Registry) -> None:
    """What a gate keeps of an image's findings hangs on what is said of them."""
    stores = held.stores
    signatures = Signatures(held.ground.database, stores.images, stores.blobs)
    knowledge = Knowledge(stores.images, stores.scans, signatures)
    repository = held.repositories.get(SCOPE, NAME)
    image = stores.images.get(repository, Digest.parse(BAD.digest)).image
    assert len(knowledge.of(repository, image).flaws()) == 1
    put(held)
    assert len(knowledge.of(repository, image).flaws()) == 0
    remove(held)
    assert len(knowledge.of(repository, image).flaws()) == 1


def test_another_process_heeds_it_at_once(open_one: OpenRegistry) -> None:
    one = open_one()
    bad_and_good(one)
    gate(one)
    two = one.beside()
    assert not allowed(two)
    put(one)
    assert allowed(two)
    two.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (ScanSettings(vex_referrers="some"), "vexReferrers must be one of none, signed, all"),
        (ScanSettings(vex_referrers="signed"), "needs vexKeys"),
        (ScanSettings(vex_keys=("x",)), r"vexKeys\[0\] is not a public key"),
        (ScanSettings(vex_keys=("x",) * 11), "10 are the most"),
        (ScanSettings(attach=("html",)), "attach: 'html' is none of cyclonedx, spdx, sarif"),
    ],
)
def test_settings_that_are_wrong(held: Registry, settings: ScanSettings, said: str) -> None:
    repository = held.repositories.get(SCOPE, NAME)
    with pytest.raises(ParameterInvalid, match=said):
        RepositoryScanSettings(held.ground.database).put(repository, settings)
    assert RepositoryScanSettings(held.ground.database).of(repository) == ScanSettings()
