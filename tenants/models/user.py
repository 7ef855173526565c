"""People who sign in."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.ids import uuid7


class UserManager(BaseUserManager["User"]):
    """Makes users; an address is one person whatever its case."""

    def create_user(self, email: str, password: str | None = None, **facts: Any) -> "User":
        """Create a person who signs in with this address."""
        user = self.model(email=email.strip().lower(), **facts)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **facts: Any) -> "User":
        """Create a member of the operator's staff with every right in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **facts)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a person by e-mail address, ignoring case."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person; what they may do in an organization is their membership's role."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True, max_length=254)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_staff = models.BooleanField(_("operator's staff"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    terms_version = models.CharField(max_length=20, blank=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        """Return the name, or the address of a person who gave none."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """Return the first word of the name."""
        return self.get_full_name().split(" ")[0]
