"""An issuer of OpenID Connect tokens for tests: its keys, and tokens with the claims of GitHub and GitLab."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

__all__ = ["GITHUB", "GITHUB_URL", "GITLAB", "GITLAB_URL", "TestIssuer"]

GITHUB_URL: Final = "https://token.actions.githubusercontent.com"
GITLAB_URL: Final = "https://gitlab.com"

GITHUB: Final[Mapping[str, object]] = {
    "jti": "example-id",
    "sub": "repo:acme/chem:ref:refs/heads/main",
    "environment": "prod",
    "ref": "refs/heads/main",
    "sha": "example-sha",
    "repository": "acme/chem",
    "repository_owner": "acme",
    "actor_id": "12",
    "repository_visibility": "private",
    "repository_id": "74",
    "repository_owner_id": "65",
    "run_id": "example-run-id",
    "run_number": "10",
    "run_attempt": "2",
    "runner_environment": "github-hosted",
    "actor": "octocat",
    "workflow": "example-workflow",
    "head_ref": "",
    "base_ref": "",
    "event_name": "workflow_dispatch",
    "enterprise": "acme-labs",
    "enterprise_id": "122",
    "ref_type": "branch",
    "ref_protected": "true",
    "job_workflow_ref": "acme/automation/.github/workflows/oidc.yml@refs/heads/main",
    "iss": GITHUB_URL,
}
"""The claims of a GitHub Actions token, as its documentation shows them; without audience and times."""

GITLAB: Final[Mapping[str, object]] = {
    "namespace_id": "72",
    "namespace_path": "acme",
    "project_id": "20",
    "project_path": "acme/chem",
    "user_id": "1",
    "user_login": "sample-user",
    "user_email": "sample-user@example.com",
    "user_access_level": "developer",
    "user_identities": [{"provider": "github", "extern_uid": "2435223452345"}],
    "pipeline_id": "574",
    "pipeline_source": "push",
    "job_id": "302",
    "ref": "main",
    "ref_type": "branch",
    "ref_path": "refs/heads/main",
    "ref_protected": "true",
    "groups_direct": ["acme/group", "acme/quantum"],
    "environment": "test-environment2",
    "environment_protected": "false",
    "deployment_tier": "testing",
    "environment_action": "start",
    "runner_id": 1,
    "runner_environment": "self-hosted",
    "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
    "project_visibility": "public",
    "ci_config_ref_uri": "gitlab.example.com/acme/chem//.gitlab-ci.yml@refs/heads/main",
    "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
    "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
    "iss": GITLAB_URL,
    "sub": "project_path:acme/chem:ref_type:branch:ref:main",
}
"""The claims of a GitLab ID token, as its documentation shows them; without audience and times."""


class TestIssuer:
    """Signs tokens with RSA, elliptic-curve and Ed25519 keys."""

    __test__ = False

    def __init__(self, name: str = "one") -> None:
        self.name = name

    def key_id(self, algorithm: str) -> str:
        """The id of the key for an algorithm."""
        return f"{self.name}-{algorithm.lower()}"

    def jwks(self, *algorithms: str) -> dict[str, Any]:  # RFC 7517
        """The public keys for some algorithms."""
        return {"keys": [self.jwk(it) for it in algorithms or ("RS256", "ES256", "EdDSA")]}

    def jwk(self, algorithm: str) -> dict[str, Any]:
        """One public key."""
        public = json.loads(_ALGORITHMS[algorithm].to_jwk(_key(self.name, algorithm).public_key()))
        return {**public, "kid": self.key_id(algorithm), "alg": algorithm, "use": "sig"}

    def token(
        self,
        claims: Mapping[str, object],
        now: datetime,
        *,
        audience: object = "queuebit:acme",
        algorithm: str = "RS256",
        lifetime: timedelta = timedelta(minutes=5),
        headers: Mapping[str, object] | None = None,
        **changes: object,
    ) -> str:
        """A token with these claims; a change to None leaves a claim out."""
        issued = int(now.timestamp())
        times = {"iat": issued, "nbf": issued, "exp": issued + int(lifetime.total_seconds())}
        whole = {**claims, **times, "aud": audience, **changes}
        present = {name: value for name, value in whole.items() if value is not None}
        named = {"kid": self.key_id(algorithm), **(headers or {})}
        given = {name: value for name, value in named.items() if value is not None}
        return jwt.encode(present, _key(self.name, algorithm), algorithm=algorithm, headers=given)


_ALGORITHMS: Final[Mapping[str, Any]] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


@lru_cache
def _key(name: str, algorithm: str) -> Any:  # three kinds of private keys have no common base
    del name
    if algorithm == "RS256":
        return generate_rsa_key(65_537, 2048)
    return Ed25519PrivateKey.generate() if algorithm == "EdDSA" else generate_private_key(SECP256R1())
