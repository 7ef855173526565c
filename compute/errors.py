"""Why compute refuses."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, DomainError


class OutsideTheBorder(DomainError):
    """The cluster stands where this organization's work may not run."""

    code = "jurisdiction_not_allowed"
    status = 403
    detail = _("This organization's work may not run in the cluster's jurisdiction.")


class NoCluster(DomainError):
    """No cluster fits."""

    code = "no_cluster"
    status = 409
    detail = _("No cluster in an allowed jurisdiction can take this job now.")


class NameMeansAnother(Conflict):
    """A job of this name exists, and is another one."""

    code = "job_name_taken"
    detail = _("Another job has this name on the cluster.")


class ClusterTaken(Conflict):
    """Another cluster has this name."""

    code = "cluster_taken"
    detail = _("Another cluster has this name.")


class BadCluster(DomainError):
    """What is said of a cluster does not make one that can be spoken to."""

    code = "bad_cluster"
    status = 422
    detail = _("The cluster cannot be spoken to as it is set up.")
