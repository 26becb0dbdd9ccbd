"""What all rows of FOCUS 1.2 have in common, the FinOps Open Cost and Usage Specification: columns, and who charges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["COLUMNS", "NAME", "issuer", "pricing_currency"]

NAME: Final = "Queuebit"
"""The service, and its provider where the operator gives no other name."""

COLUMNS: Final = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
    "HostProviderName",
    "ServiceProviderName",
)
"""The columns of FOCUS 1.2 that apply, and two names of 1.3, in their order."""


def issuer(name: str = "") -> dict[str, str | None]:
    """The columns about who provides the service and issues the invoice."""
    name = name or NAME
    return {
        "InvoiceIssuerName": name,
        "ProviderName": name,
        "PublisherName": name,
        "HostProviderName": name,
        "ServiceProviderName": name,
        "ServiceCategory": "Compute",
        "ServiceName": NAME,
        "ServiceSubcategory": "Quantum Compute",
    }


def pricing_currency(
    row: Mapping[str, str | None], virtual: tuple[str, str, str] | None = None
) -> dict[str, str | None]:
    """The columns about the currency in which a charge is priced, which no row leaves empty.

    Args:
        row: the other columns of the row.
        virtual: the unit of a virtual currency, such as `HQC`, with the price of a unit and the cost in it; None where
            the charge is priced in the currency in which it is billed.
    """
    unit, price, cost = virtual or (row["BillingCurrency"], row.get("ListUnitPrice"), row["EffectiveCost"])
    return {
        "PricingCurrency": unit,
        "PricingCurrencyContractedUnitPrice": price,
        "PricingCurrencyEffectiveCost": cost,
        "PricingCurrencyListUnitPrice": price,
    }
