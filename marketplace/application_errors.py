"""What is refused of services (applications), and in which words."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, DomainError


class ServiceNotReady(DomainError):
    """A service lacks something that customers need."""

    code = "service_not_ready"
    status = 422
    detail = _("The service cannot be published yet.")


class ServiceWrongState(Conflict):
    """The step is not possible from where the service stands."""

    code = "service_wrong_state"
    detail = _("This step is not possible from the service's present state. Reload the page.")


class ServiceInReview(Conflict):
    """A service that waits for a second person is not worked on."""

    code = "service_in_review"
    detail = _("A change waits for a decision. Decide on it, or take it back first.")


class ServiceAddressTaken(Conflict):
    """Another service's page stands at this address."""

    code = "service_address_taken"
    detail = _("Another service has this address.")


class ServiceRetiresTooSoon(DomainError):
    """A service would go with less notice than customers were promised."""

    code = "service_retires_too_soon"
    status = 422
    detail = _("Customers were promised more notice. Choose a later day, or retire it at once.")


class ServiceNotOffered(DomainError):
    """A service cannot be enabled by this organization."""

    code = "service_not_available"
    status = 422
    detail = _("Your organization cannot enable this service at present.")


class ServiceEnabled(Conflict):
    """The organization has the service enabled."""

    code = "service_enabled"
    detail = _(
        "The service is enabled already, and its key was shown then. For a new key, disable it and"
        " enable it again."
    )


class ServiceNotEnabled(Conflict):
    """The organization has not enabled the service."""

    code = "service_not_enabled"
    detail = _("The service is not enabled.")
