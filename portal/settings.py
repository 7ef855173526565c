"""All settings, read from the environment (see ``portal.environment`` for the variables)."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
import structlog
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from common import countries, database
from portal import environment
from portal.console import without_refusals_tracebacks
from portal.variables import Database, Mail

# Lets annotations such as models.QuerySet[Price] stand at run time.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = environment.load()

SECRET_KEY = ENV.secret_key
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)
PUBLIC_URL = ENV.public_url
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
STATE_DIR = ENV.state
#: The operator whose portal this is.
OPERATOR: dict[str, Any] = {
    "name": ENV.operator_name,
    "logo": ENV.operator_logo,
    "accent": ENV.operator_accent,
    #: Where customers turn to: an e-mail address or a page; empty when none was named.
    "contact": ENV.operator_contact,
}
#: Which wording of the terms (templates/portal/terms.html) people accept when they sign up.
TERMS_VERSION = "2026-01"
#: Whether this is the embedded demo: development mailbox, second factor of staff by TOTP.
DEMO = ENV.demo

ENGINE_URL = ENV.engine_url
ENGINE_API_KEY = ENV.engine_api_key
STRIPE_API_KEY = ENV.stripe_api_key
STRIPE_WEBHOOK_SECRET = ENV.stripe_webhook_secret
STRIPE_API_BASE = ENV.stripe_url
#: Where Checkout's pages live; forms may lead there.
CHECKOUT_ORIGINS = [ENV.stripe_url if ENV.embedded_stripe else "https://checkout.stripe.com"]
#: Private networks that addresses given by customers may lead into; elsewhere only the Internet.
OUTSIDE_NETWORKS = ENV.outside_networks
METERING_DURABILITY = ENV.metering_durability
USAGE_MONTHS = ENV.usage_months
#: How long before customers are told of prices that rise and of models that go.
PRICE_NOTICE = ENV.price_notice
RETIREMENT_NOTICE = ENV.retirement_notice
#: Whether a model is published with an evaluation in its dossier only.
EVALUATION_NEEDED = ENV.evaluation_needed
#: Whether a model is published only when a server of it passed the probe.
CONFORMANCE_NEEDED = ENV.conformance_needed
#: The least share of its revenue that a model leaves, and the law under which models are sold.
MARGIN_FLOOR = ENV.margin_floor
SALE_JURISDICTIONS = ENV.sale_jurisdictions
#: What seals over receipts are signed with; empty: a key made in the state folder.
RECEIPT_SIGNING_KEY = ENV.receipt_signing_key
#: Where gateways serve metrics beside their own port, and what lets others than this host read them.
METRICS_ADDRESS = ENV.metrics_address
METRICS_TOKEN = ENV.metrics_token
#: Which requests have a line in the gateway's log: all, failures or none.
REQUEST_LOG = ENV.request_log
#: Whether the operator has a collector for the traces of requests.
IS_TRACED = ENV.is_traced

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "portal.static_files.CollectedConfig",
    "django.contrib.sites",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_countries",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "template_partials",
    "common",
    "tenants",
    "marketplace",
    "compute",
    "files",
    "front",
    "metering",
    "billing",
    "gateway",
    "studio",
    "portal",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "common.pages.CompressedPagesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.activity.ActivityMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "common.pages.PrivatePagesMiddleware",
    "tenants.access.TenantMiddleware",
    "tenants.invalid_forms.InvalidFormMiddleware",
    "portal.views.errors.NotAllowedMiddleware",
    "common.pages.DomainErrorMiddleware",
]

ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
SITE_ID = 1
FORM_RENDERER = "common.forms.AccessibleRenderer"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "template_partials.templatetags.partials",
                "common.templatetags.formats",
                "common.templatetags.ui",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context_processors.operator",
            ],
        },
    },
]


def _database(role: Database) -> dict[str, Any]:
    return {
        **role.settings(),
        # Under ASGI each request runs in a thread of its own: a connection kept for the next one
        # is never found again, and one reader after another would take all that the server has.
        "CONN_MAX_AGE": 0,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }


DATABASES = {
    database.APP: _database(ENV.app),
    database.SERVICE: _database(ENV.service),
    # Only `manage.py up` and migrations have the owner's way in.
    **({database.OWNER: _database(ENV.owner)} if ENV.owner else {}),
}
DATABASE_ROUTERS = ["common.database.RoleRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = ENV.redis_url
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
SECOND_FACTOR_URL = "staff:second-factor"
LOGIN_REDIRECT_URL = "/organizations/"
ACCOUNT_ADAPTER = "tenants.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
# Not ..._SUPPORTS_CHANGE: the page would offer it only where no account existed, and so tell.
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_FORMS = {
    "login": "tenants.account_forms.LoginForm",
    "signup": "tenants.account_forms.SignupForm",
    "add_email": "tenants.account_forms.AddEmailForm",
    "change_email": "tenants.account_forms.ChangeEmailForm",
    "request_login_code": "tenants.account_forms.RequestLoginCodeForm",
    "reset_password": "tenants.account_forms.ResetPasswordForm",
}
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Whoever takes an account over begins here; its owner is told at once, and from where it was done.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_FORMS = {"add_webauthn": "tenants.account_forms.AddPasskeyForm"}
MFA_ADAPTER = "tenants.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = PUBLIC_URL.startswith("http://localhost")
USERSESSIONS_TRACK_ACTIVITY = True
INVITATION_LIFETIME = timedelta(days=7)

_MAIL = ENV.mail or Mail("", 25, "", "", starttls=False, tls=False)
EMAIL_BACKEND = (
    "django.core.mail.backends." + ("smtp" if ENV.mail else "filebased") + ".EmailBackend"
)
#: Without a mail server, messages land here and the development mailbox shows them.
EMAIL_FILE_PATH = str(STATE_DIR / "mail")
EMAIL_HOST = _MAIL.host
EMAIL_PORT = _MAIL.port
EMAIL_HOST_USER = _MAIL.user
EMAIL_HOST_PASSWORD = _MAIL.password
EMAIL_USE_TLS = _MAIL.starttls
EMAIL_USE_SSL = _MAIL.tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = f"{ENV.operator_name} <no-reply@{urlsplit(PUBLIC_URL).hostname}>"

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", _("English")),
    ("fr", _("French")),
    ("ar", _("Arabic")),
    ("ru", _("Russian")),
    ("kk", _("Kazakh")),
]
# The second says what libraries have no words for in one of these languages.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "portal" / "library_texts"]
FORMAT_MODULE_PATH = "portal.formats"
COUNTRIES_OVERRIDE = countries.NAMES
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = STATE_DIR / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

_SECURE = PUBLIC_URL.startswith("https://")
SECURE_SSL_REDIRECT = _SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 63_072_000 if _SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _SECURE
SECURE_HSTS_PRELOAD = _SECURE
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = _SECURE
SESSION_COOKIE_NAME = "__Host-session" if _SECURE else "session"
CSRF_COOKIE_SECURE = _SECURE
CSRF_COOKIE_NAME = "__Host-csrf" if _SECURE else "csrf"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF, *CHECKOUT_ORIGINS],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

#: Customers' files: where they lie, in which region that is, how much one and all may hold.
FILES_REGION = ENV.files_region
FILES_LARGEST = 512_000_000
FILES_QUOTA = 10_000_000_000
#: How many lines of one organization's batch run at the same time.
BATCH_LINES_AT_ONCE = 16
# A body is spooled beside the files, so that it can be moved into its place and not be copied.
FILE_UPLOAD_TEMP_DIR = STATE_DIR / "files" / "incoming"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": STATE_DIR / "files" / "kept",
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {"BACKEND": "portal.static_files.CollectedStorage"},
}

#: What jobs write, until it is taken over; the folder of the local cluster beside it.
ARTIFACTS_ROOT = STATE_DIR / "artifacts"
COMPUTE_ROOT = STATE_DIR / "compute"
#: What trains models on the local cluster: the Python of an environment for it, or a place where
#: one is made when it is first needed.
TRAINER_PYTHON = ENV.trainer_python
TRAINER_HOME = STATE_DIR / "trainer"
#: Where clusters answer: their credentials are sent nowhere else.
CLUSTER_ADDRESSES = ENV.cluster_addresses
#: Nothing stands between tenants on the local cluster: it is for the demo.
ALLOW_CLUSTERS_WITHOUT_ISOLATION = ENV.demo
#: So many private models of one organization are served at the same time; each takes memory.
MOST_DEPLOYED = 3

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.api.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "common.api.exception_handler",
    "DEFAULT_PAGINATION_CLASS": "common.api.NewestFirstPagination",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tessera management API",
    "DESCRIPTION": "Keys, members, audit, usage, credits and the ledger, with the pages' permissions.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Links inside buttons cannot be told apart by a screen reader.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    # Fields of the same name take their choices' names from here.
    "ENUM_NAME_OVERRIDES": {
        "AnnouncementToneEnum": "front.models.Announcement.Tone",
        "ServicePartEnum": "front.models.Part",
        "ServiceImpactEnum": "front.models.Impact",
        "IncidentStateEnum": "front.models.State",
        "InvoiceKindEnum": "billing.models.Invoice.Kind",
        "InvoiceStatusEnum": "billing.models.Invoice.Status",
        "ChargebackStatusEnum": "billing.models.Chargeback.Status",
        "AccessRequestStateEnum": "marketplace.models.AccessRequest.State",
        "AccessDecisionEnum": "marketplace.access_api.DECISIONS",
        "ModelChangeKindEnum": "marketplace.models.ModelChange.Kind",
        "ModelChangeStatusEnum": "marketplace.models.ModelChange.Status",
        "ServiceChangeKindEnum": "marketplace.models.ApplicationChange.Kind",
        "ServiceChangeStatusEnum": "marketplace.models.ApplicationChange.Status",
        "SignUpWayEnum": "tenants.models.SignUpPolicy.Way",
        "SupportWayEnum": "tenants.models.SupportAccess.Way",
        "CustomerKindEnum": "tenants.models.Organization.Kind",
        "CustomerStatusEnum": "tenants.models.Organization.Status",
        "HappeningKindEnum": "portal.staff_customer_api.KINDS",
        "PricedPartEnum": "marketplace.models.PRICED_PARTS",
        "CorrectionKindEnum": "billing.models.Correction.Kind",
        "CorrectionStatusEnum": "billing.models.Correction.Status",
        "DisputeStatusEnum": "billing.models.Dispute.Status",
        "RefundStatusEnum": "billing.models.Refund.Status",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tenants.schema.finish",
    ],
}

CELERY_BROKER_URL = ENV.broker_url
CELERY_IMPORTS = ("portal.task_port",)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 300
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "tessera"
# Lines of batches run for long: they have workers of their own, and delay nobody else's task.
CELERY_TASK_ROUTES = {"gateway.advance_batch": {"queue": "batches"}}

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
#: What visitors ask for in vain is no news; what fails on our side is.
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "brief": {
            "()": "django.utils.log.CallbackFilter",
            "callback": without_refusals_tracebacks,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["brief"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
SILENCED_SYSTEM_CHECKS = ["security.W021"] if not _SECURE else []
