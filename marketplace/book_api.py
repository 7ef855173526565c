"""Price books over the management API, for the operator's staff."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import Named
from common.errors import NotFound
from marketplace import bookshelf, comparison
from marketplace.forms.prices import FURTHEST
from marketplace.models import CustomerGroup, Offer, PriceBook, PriceBookVersion
from marketplace.services import books, drafting
from marketplace.services.drafting import Place
from tenants.key_api import Strict
from tenants.models import Organization
from tenants.once import once
from tenants.staff_api import StaffView


class BookOut(serializers.Serializer[Any]):
    """A price book, and for whom it is; for neither, for those whose contract names it."""

    code = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    is_default = serializers.BooleanField()
    customer = serializers.CharField(source="organization.slug", default=None)
    group = serializers.CharField(source="customer_group.code", default=None)


class BookForIn(Strict):
    """For whom a book is: a group, a customer, or neither: for those whose contract names it."""

    customer = serializers.CharField(
        max_length=60, required=False, allow_null=True, help_text="The address after /o/."
    )
    group = serializers.CharField(
        max_length=40, required=False, allow_null=True, help_text="The code of a customer group."
    )

    def validate_customer(self, slug: str | None) -> Organization | None:
        """Return the customer who has the address."""
        found = Organization.objects.filter(slug=slug or "").first()
        if slug and found is None:
            raise serializers.ValidationError(_("There is no customer with this address."))
        return found

    def validate_group(self, code: str | None) -> CustomerGroup | None:
        """Return the group of the code."""
        found = CustomerGroup.objects.filter(code=code or "").first()
        if code and found is None:
            raise serializers.ValidationError(f"No customer group has the code “{code}”.")
        return found

    def validate(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Refuse a book for two."""
        customer, group = facts.pop("customer", None), facts.get("group")
        if customer and group:
            raise serializers.ValidationError({"group": "Name a customer or a group, not both."})
        return {**facts, "organization": customer, "group": group}


class BookIn(BookForIn):
    """A new book; its code never changes."""

    code = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=100)
    currency = serializers.RegexField(r"^[A-Z]{3}\Z", help_text="Three letters, such as EUR.")


class VersionOut(serializers.Serializer[Any]):
    """A version of a book."""

    book = serializers.CharField(source="book.code")
    number = serializers.IntegerField()
    status = serializers.CharField()
    note = serializers.CharField()
    effective_from = serializers.DateTimeField()
    published_at = serializers.DateTimeField()


class PriceOut(serializers.Serializer[Any]):
    """What one part of a model costs without the version, and with it."""

    model = serializers.CharField(source="offer.name")
    part = serializers.CharField()
    tier = serializers.CharField()
    before = serializers.JSONField(source="old")
    after = serializers.JSONField(source="new")


class VersionDetailOut(VersionOut):
    """A version with every price of its book."""

    prices = PriceOut(many=True)


class DraftIn(serializers.Serializer[Any]):
    """Why there is a new version."""

    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class PriceIn(serializers.Serializer[Any]):
    """What one part of a model is to cost."""

    model = Named("name", queryset=Offer.objects.all())
    part = serializers.CharField(max_length=20)
    tier = serializers.CharField(max_length=10, default="standard")
    definition = serializers.DictField()


class PricesIn(serializers.Serializer[Any]):
    """All that a draft is to say."""

    prices = PriceIn(many=True)


class PublishIn(serializers.Serializer[Any]):
    """From when on a version holds; now, if it does not say."""

    effective_from = serializers.DateTimeField(required=False)

    def validate_effective_from(self, begins: datetime) -> datetime:
        """Refuse a mistyped year, as the page does."""
        if begins > timezone.now() + FURTHEST:
            raise serializers.ValidationError(_("A price is set three years ahead at most."))
        return begins


def find_book(code: str) -> PriceBook:
    """Return the book of this code."""
    book = bookshelf.books().filter(code=code).first()
    if book is None:
        raise NotFound
    return book


def find_version(code: str, number: int) -> PriceBookVersion:
    """Return a version by its book's code and its number."""
    # A number beyond what the column holds is nobody's.
    found = bookshelf.versions().filter(book__code=code, number=min(number, 2**31 - 1)).first()
    if found is None:
        raise NotFound
    return found


class BookList(StaffView):
    """The price books."""

    @extend_schema(operation_id="staff_price_books", responses=BookOut(many=True))
    def get(self, request: Request) -> Response:
        """List the price books, the ones for everybody first."""
        return Response(BookOut(bookshelf.books(), many=True).data)

    @extend_schema(operation_id="staff_price_book_open", request=BookIn, responses={201: BookOut})
    @once()
    def post(self, request: Request) -> Response:
        """Open a book; it says nothing before a version of it is published."""
        wanted = BookIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        book = books.create(**wanted.validated_data, by=self.user)
        return Response(BookOut(book).data, status=201)


class BookDetail(StaffView):
    """One price book."""

    @extend_schema(responses=BookOut)
    def get(self, request: Request, code: str) -> Response:
        """Show a price book."""
        return Response(BookOut(find_book(code)).data)


class VersionList(StaffView):
    """The versions of a book."""

    @extend_schema(operation_id="staff_price_versions", responses=VersionOut(many=True))
    def get(self, request: Request, code: str) -> Response:
        """List the versions of a book, newest first."""
        found = bookshelf.versions().filter(book=find_book(code))
        return Response(VersionOut(found, many=True).data)

    @extend_schema(request=DraftIn, responses={201: VersionOut})
    @once()
    def post(self, request: Request, code: str) -> Response:
        """Draft a version as a copy of what the book says."""
        wanted = DraftIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        version = drafting.begin(find_book(code), by=self.user, note=wanted.validated_data["note"])
        return Response(VersionOut(version).data, status=201)


class VersionDetail(StaffView):
    """One version."""

    @extend_schema(responses=VersionDetailOut)
    def get(self, request: Request, code: str, number: int) -> Response:
        """Show a version with every price of its book, without it and with it."""
        version = find_version(code, number)
        prices = PriceOut(comparison.of(version), many=True).data
        return Response({**VersionOut(version).data, "prices": prices})

    @extend_schema(request=PricesIn, responses=VersionOut)
    def put(self, request: Request, code: str, number: int) -> Response:
        """Let a draft say just these prices."""
        wanted = PricesIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        prices = {
            Place(it["model"], it["part"], it["tier"]): it["definition"]
            for it in wanted.validated_data["prices"]
        }
        version = find_version(code, number)
        drafting.replace(version, prices, by=self.user)
        return Response(VersionOut(version).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, code: str, number: int) -> Response:
        """Throw a draft away."""
        books.discard(find_version(code, number), by=self.user)
        return Response(status=204)


class VersionPublish(StaffView):
    """Publishing."""

    @extend_schema(request=PublishIn, responses=VersionOut)
    def post(self, request: Request, code: str, number: int) -> Response:
        """Publish a draft from an instant on, whole or not at all."""
        wanted = PublishIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        version = books.publish(find_version(code, number), by=self.user, **wanted.validated_data)
        return Response(VersionOut(version).data)


class VersionWithdraw(StaffView):
    """Taking back."""

    @extend_schema(request=None, responses=VersionOut)
    def post(self, request: Request, code: str, number: int) -> Response:
        """Take back a version that has not begun."""
        return Response(VersionOut(books.withdraw(find_version(code, number), by=self.user)).data)
