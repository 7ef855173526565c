"""What the operator's endpoints of the management API stand on."""

from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from common.database import service
from tenants.access import proved_second_factor
from tenants.models import User


class StaffView(APIView):
    """Lets in the session of a member of staff with a second factor, as the desk's pages do.

    To everybody else, and to every key, it does not exist: keys belong to customers' organizations.
    """

    authentication_classes = (SessionAuthentication,)
    permission_classes = ()
    user: User

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse whoever may not."""
        super().initial(request, *args, **kwargs)
        user = request.user
        is_staff = isinstance(user, User) and user.is_active and user.is_staff
        if not is_staff or not proved_second_factor(request._request):
            raise NotFound
        assert isinstance(user, User)  # noqa: S101 - said above
        self.user = user

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Run the handler as the service role, in one transaction."""
        with service():
            return super().dispatch(request, *args, **kwargs)
