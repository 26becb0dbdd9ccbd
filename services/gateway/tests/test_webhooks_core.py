"""Signatures, retries and addresses of webhooks, without a network."""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import UTC, datetime, timedelta

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from queuebit_contracts.subjects import parse
from queuebit_contracts.webhook import message_id, secret_text
from queuebit_gateway.hub import Filter
from queuebit_gateway.webhooks.kinds import KINDS, known_kind
from queuebit_gateway.webhooks.records import RECENT, Outcome, Retry, Webhook, after_try, enabled, next_due
from queuebit_gateway.webhooks.signing import Signing
from queuebit_runtime.keys import new_seed
from queuebit_runtime.retries import PAUSES_S, Verdict, next_try_s, retry_after_s, verdict_of

BODY = '{"specversion":"1.0","type":"qb.job.completed.v1","data":{"label":"é"}}'.encode()
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def endpoint(**fields: object) -> Webhook:
    given = {"id": "wh_1", "tenant": "acme", "slot": 1, "url": "https://example.com/", "created_at": 0.0}
    return Webhook.model_validate({**given, "created_by": "ann", "position": 0, **fields})


class TestSignatures:
    def test_the_library_of_the_standard_verifies_ours(self) -> None:
        signing = Signing(new_seed())
        headers = dict(signing.headers(endpoint(), message_id(7, BODY), int(time.time()), BODY))
        verifier = Verifier(signing.secret(endpoint()))
        verifier.verify(BODY, headers)
        for changed in ({"webhook-id": "msg_8"}, {"webhook-timestamp": str(int(time.time()) - 400)}):
            with pytest.raises(WebhookVerificationError):
                verifier.verify(BODY, {**headers, **changed})
        with pytest.raises(WebhookVerificationError):
            verifier.verify(BODY + b" ", headers)
        with pytest.raises(WebhookVerificationError):
            Verifier(signing.secret(endpoint(id="wh_2"))).verify(BODY, headers)

    def test_the_public_key_verifies_the_other_signature(self) -> None:
        signing = Signing(new_seed())
        headers = signing.headers(endpoint(), "msg_7", 1_700_000_000, BODY)
        _, asymmetric = headers["webhook-signature"].split(" ")
        key = VerifyKey(base64.b64decode(signing.public.removeprefix("whpk_")))
        signed, signature = b"msg_7.1700000000." + BODY, base64.b64decode(asymmetric.removeprefix("v1a,"))
        key.verify(signed, signature)
        with pytest.raises(BadSignatureError):
            key.verify(signed + b" ", signature)
        assert base64.urlsafe_b64decode(signing.jwk["x"] + "=") == bytes(key)

    def test_keys_follow_from_the_seed_and_secrets_differ(self) -> None:
        seed = new_seed()
        one, again, other = Signing(seed), Signing(seed), Signing(new_seed())
        assert (one.public, one.secret(endpoint())) == (again.public, again.secret(endpoint()))
        assert one.public != other.public
        secrets = {
            it.secret(endpoint(tenant=tenant, id=name)) for it in (one, other) for tenant in "ab" for name in "ab"
        }
        assert len(secrets) == 8

    def test_the_example_of_the_standard(self) -> None:
        secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        assert secret_text(secret) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        from queuebit_contracts.webhook import signed_headers

        headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [secret])
        assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    def test_an_id_is_that_of_the_event(self) -> None:
        assert message_id(7, BODY) == f"msg_7_{hashlib.sha256(BODY).hexdigest()[:16]}"


class TestRetries:
    def test_ten_tries_take_a_little_more_than_three_days(self) -> None:
        assert PAUSES_S == (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
        waits = [next_try_s(tries, 0.0, None) for tries in range(1, 11)]
        assert waits == [*PAUSES_S[1:], None]
        assert timedelta(days=3) < timedelta(seconds=sum(PAUSES_S)) < timedelta(days=3.2)

    def test_jitter_only_makes_pauses_longer(self) -> None:
        assert (next_try_s(2, 0.0, None), next_try_s(2, 1.0, None)) == (300, 360)

    @pytest.mark.parametrize(("asked", "wait"), [(None, 5), (1.0, 5), (60.0, 60), (1e9, 86_400)])
    def test_what_the_receiver_asks_for_is_kept_up_to_a_day(self, asked: float | None, wait: float) -> None:
        assert next_try_s(1, 0.0, asked) == wait

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("120", 120),
            ("Sun, 29 Nov 2026 12:01:00 GMT", 60),
            ("Sun, 29 Nov 2026 11:00:00 GMT", 0),
            ("soon", None),
            ("-1", None),
            ("", None),
            (None, None),
            ("9" * 400, 999_999_999),
        ],
    )
    def test_retry_after_is_seconds_or_a_date(self, header: str | None, seconds: float | None) -> None:
        assert retry_after_s(header, NOW) == seconds

    @pytest.mark.parametrize(
        ("status", "verdict"),
        [(200, "delivered"), (204, "delivered"), (301, "failed"), (404, "failed"), (410, "gone"), (429, "failed")],
    )
    def test_statuses(self, status: int, verdict: str) -> None:
        assert verdict_of(status) is Verdict(verdict)


class TestRecords:
    def fail(self, webhook: Webhook, now: float = 0.0, sequence: int = 5) -> Webhook:
        failed = Outcome(verdict=Verdict.FAILED, status=500)
        return after_try(webhook, sequence, "msg_5", "job.sealed", failed, now=now, jitter=0.0)

    def test_a_delivery_is_given_up_after_ten_tries(self) -> None:
        webhook, now = endpoint(), 0.0
        for tries in range(1, 10):
            webhook = self.fail(webhook, now)
            retry = next_due(webhook)
            assert retry is not None
            assert (retry.tries, webhook.recent[-1].state) == (tries, "retrying")
            now = retry.due
        webhook = self.fail(webhook, now)
        assert (webhook.retries, webhook.recent[-1].state, webhook.recent[-1].tries) == ((), "failed", 10)
        assert now == sum(PAUSES_S)

    def test_success_ends_the_retries_of_that_event_alone(self) -> None:
        webhook = self.fail(self.fail(endpoint()), sequence=6)
        done = Outcome(verdict=Verdict.DELIVERED, status=204)
        webhook = after_try(webhook, 5, "msg_5", "job.sealed", done, now=9.0, jitter=0.0)
        assert [it.sequence for it in webhook.retries] == [6]
        assert [(it.n, it.state) for it in webhook.recent] == [(6, "retrying"), (5, "delivered")]

    def test_gone_disables_and_keeps_what_waits(self) -> None:
        gone = Outcome(verdict=Verdict.GONE, status=410)
        webhook = after_try(self.fail(endpoint()), 6, "msg_6", "job.sealed", gone, now=0.0, jitter=0.0)
        assert webhook.disabled == "the receiver answered 410 Gone"
        assert [(it.sequence, it.tries) for it in webhook.retries] == [(5, 1), (6, 1)]
        assert enabled(webhook, end=None).retries == webhook.retries
        assert (enabled(webhook, end=9).retries, enabled(webhook, end=9).position) == ((), 9)

    def test_the_log_of_deliveries_is_bounded_and_the_record_fits_its_entry(self) -> None:
        webhook = endpoint(url="https://example.com/" + "p" * 2000, description="é" * 200, types=["job.x"] * 32)
        webhook = webhook.model_copy(
            update={"retries": tuple(Retry(sequence=10**17 + it, tries=9, due=1.8e9) for it in range(64))}
        )
        failed = Outcome(verdict=Verdict.FAILED, error="é" * 300)
        for n in range(RECENT + 20):
            webhook = after_try(webhook, n + 10**17 + 64, "m" * 40, "job.usage_reported", failed, now=1.8e9, jitter=0.5)
            webhook = webhook.model_copy(update={"retries": webhook.retries[:64]})
        assert len(webhook.recent) == RECENT
        assert len(webhook.model_dump_json().encode()) < 131_072


def test_a_share_of_a_budget_is_sent_to_its_tenant_alone() -> None:
    assert known_kind("budget.reached") in KINDS
    address = parse("qb.budget.acme.b1.reached")
    assert Filter("acme", None, frozenset({"budget.reached"})).wants(address)
    assert not Filter("acme", None, frozenset({"job.completed"})).wants(address)
    assert not Filter("evil").wants(address)
