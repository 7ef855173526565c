"""Why files refuses."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, DomainError


class FileTooLarge(DomainError):
    """The file passes the limit of one file."""

    code = "file_too_large"
    status = 413
    detail = _("The file is too large.")


class QuotaExceeded(DomainError):
    """All files together would pass what the organization may keep."""

    code = "storage_quota_exceeded"
    status = 413
    detail = _("The organization's storage is full.")


class FileEmpty(DomainError):
    """There is nothing in the file."""

    code = "file_empty"
    detail = _("The file is empty.")


class WrongName(DomainError):
    """The name does not fit the purpose."""

    code = "invalid_file_name"
    detail = _("The file's name does not fit its purpose.")


class StorageOutsideTheBorder(DomainError):
    """The operator's storage stands where this organization's data may not lie."""

    code = "jurisdiction_not_allowed"
    status = 403
    detail = _("This organization's data may not be kept in the storage's jurisdiction.")


class StorageNotReady(DomainError):
    """Nobody has said where files are kept."""

    code = "storage_not_ready"
    status = 503
    detail = _("The operator has not opened file storage yet.")


class UploadOver(Conflict):
    """The upload was completed or cancelled, or its hour is over."""

    code = "upload_not_pending"
    detail = _("This upload is over.")


class UploadNotWhole(DomainError):
    """The parts are not what was announced."""

    code = "upload_incomplete"
    detail = _("The parts do not make the file that was announced.")
