"""Addresses of tenancy."""

from django.urls import path

from tenants import (
    api,
    leak_api,
    policy_api,
    projects_api,
    staff_audit_api,
    staff_customer_api,
    staff_limits_api,
    staff_sign_up_api,
    staff_signal_api,
    staff_support_api,
    support_api,
    webhooks_api,
)
from tenants.views import (
    api_keys,
    audit,
    invitations,
    leaks,
    members,
    organizations,
    projects,
    staff_sign_ups,
    support,
    webhooks,
)

app_name = "tenants"

urlpatterns = [
    path("organizations/", organizations.organization_list, name="organization-list"),
    path("organizations/new/", organizations.organization_create, name="organization-create"),
    path("invitations/<str:token>/", invitations.invitation, name="invitation"),
    path("leaked-key/", leaks.leaked_key, name="leaked-key"),
    path("o/<slug:org>/keys/", api_keys.key_list, name="key-list"),
    path("o/<slug:org>/keys/new/", api_keys.key_create, name="key-create"),
    path("o/<slug:org>/keys/<uuid:key_id>/", api_keys.key_detail, name="key-detail"),
    path("o/<slug:org>/keys/<uuid:key_id>/revoke/", api_keys.key_revoke, name="key-revoke"),
    path("o/<slug:org>/keys/<uuid:key_id>/rotate/", api_keys.key_rotate, name="key-rotate"),
    path("o/<slug:org>/keys/<uuid:key_id>/end/", api_keys.key_end_former, name="key-end-former"),
    path("o/<slug:org>/members/", members.member_list, name="member-list"),
    path("o/<slug:org>/members/invite/", invitations.member_invite, name="member-invite"),
    path(
        "o/<slug:org>/members/<uuid:membership_id>/role/", members.member_role, name="member-role"
    ),
    path(
        "o/<slug:org>/members/<uuid:membership_id>/remove/",
        members.member_remove,
        name="member-remove",
    ),
    path(
        "o/<slug:org>/invitations/<uuid:invitation_id>/resend/",
        invitations.invitation_resend,
        name="invitation-resend",
    ),
    path(
        "o/<slug:org>/invitations/<uuid:invitation_id>/revoke/",
        invitations.invitation_revoke,
        name="invitation-revoke",
    ),
    path("o/<slug:org>/leave/", members.leave, name="leave"),
    path("o/<slug:org>/audit/", audit.audit_log, name="audit-log"),
    path("o/<slug:org>/audit/export/<slug:form>/", audit.audit_export, name="audit-export"),
    path("o/<slug:org>/projects/", projects.project_list, name="project-list"),
    path("o/<slug:org>/projects/new/", projects.project_create, name="project-create"),
    path("o/<slug:org>/projects/<uuid:project_id>/", projects.project_edit, name="project-edit"),
    path("o/<slug:org>/webhooks/", webhooks.webhook_list, name="webhook-list"),
    path("o/<slug:org>/webhooks/new/", webhooks.webhook_create, name="webhook-create"),
    path(
        "o/<slug:org>/webhooks/<uuid:endpoint_id>/", webhooks.webhook_detail, name="webhook-detail"
    ),
    path(
        "o/<slug:org>/webhooks/<uuid:endpoint_id>/rotate/",
        webhooks.webhook_rotate,
        name="webhook-rotate",
    ),
    path(
        "o/<slug:org>/webhooks/<uuid:endpoint_id>/switch/",
        webhooks.webhook_switch,
        name="webhook-switch",
    ),
    path(
        "o/<slug:org>/webhooks/<uuid:endpoint_id>/test/",
        webhooks.webhook_test,
        name="webhook-test",
    ),
    path(
        "o/<slug:org>/webhooks/<uuid:endpoint_id>/remove/",
        webhooks.webhook_remove,
        name="webhook-remove",
    ),
    path(
        "o/<slug:org>/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/replay/",
        webhooks.webhook_replay,
        name="webhook-replay",
    ),
    path("o/<slug:org>/settings/", organizations.settings, name="settings"),
    path("o/<slug:org>/support/", support.support_list, name="support"),
    path("o/<slug:org>/support/switch/", support.support_switch, name="support-switch"),
    *(
        path(
            f"o/<slug:org>/support/<uuid:access_id>/{act}/",
            support.support_decide,
            {"act": act},
            name=f"support-{act}",
        )
        for act in support.MOVES
    ),
]

SIGN_UP = "sign-ups/<uuid:sign_up_id>"

staff_urlpatterns = [
    path("sign-ups/", staff_sign_ups.sign_up_list, name="sign-up-list"),
    path("sign-ups/policy/", staff_sign_ups.sign_up_policy, name="sign-up-policy"),
    path(f"{SIGN_UP}/", staff_sign_ups.sign_up_detail, name="sign-up-detail"),
    path(f"{SIGN_UP}/approve/", staff_sign_ups.sign_up_approve, name="sign-up-approve"),
    path(f"{SIGN_UP}/refuse/", staff_sign_ups.sign_up_refuse, name="sign-up-refuse"),
]

STAFF = "staff/customers/<slug:slug>"
ENDPOINT = "organizations/<slug:org>/webhooks/<uuid:endpoint_id>"

api_urlpatterns = [
    path("staff/sign-up-policy", staff_sign_up_api.SignUpPolicyView.as_view()),
    path("staff/sign-up-policies", staff_sign_up_api.SignUpPolicyList.as_view()),
    path("staff/sign-ups", staff_sign_up_api.SignUpList.as_view()),
    path(f"staff/{SIGN_UP}", staff_sign_up_api.SignUpDetail.as_view()),
    path(f"staff/{SIGN_UP}/approve", staff_sign_up_api.SignUpApproval.as_view()),
    path(f"staff/{SIGN_UP}/refuse", staff_sign_up_api.SignUpRefuse.as_view()),
    path("staff/signals", staff_signal_api.SignalList.as_view()),
    path("staff/signals/<uuid:signal_id>", staff_signal_api.SignalDetail.as_view()),
    path("staff/signals/<uuid:signal_id>/dismiss", staff_signal_api.SignalDismiss.as_view()),
    path("staff/signals/<uuid:signal_id>/act", staff_signal_api.SignalAct.as_view()),
    path("staff/support", staff_support_api.StaffSupportList.as_view()),
    path("staff/support/<uuid:access_id>/grant", staff_support_api.SupportGrant.as_view()),
    path("staff/support/<uuid:access_id>/refuse", staff_support_api.SupportRefusal.as_view()),
    path("staff/support/<uuid:access_id>/end", staff_support_api.SupportEnd.as_view()),
    path("leaked-keys", leak_api.LeakedKeyReport.as_view()),
    path("organizations/<slug:org>/webhooks", webhooks_api.EndpointList.as_view()),
    path(ENDPOINT, webhooks_api.EndpointDetail.as_view()),
    path(f"{ENDPOINT}/rotate", webhooks_api.EndpointRotate.as_view()),
    path(f"{ENDPOINT}/test", webhooks_api.EndpointTest.as_view()),
    path(f"{ENDPOINT}/deliveries", webhooks_api.DeliveryList.as_view()),
    path(f"{ENDPOINT}/deliveries/<uuid:delivery_id>/replay", webhooks_api.DeliveryReplay.as_view()),
    path("organizations/<slug:org>/keys", api.KeyList.as_view()),
    path("organizations/<slug:org>/keys/<uuid:key_id>", api.KeyDetail.as_view()),
    path("organizations/<slug:org>/keys/<uuid:key_id>/rotation", api.KeyRotation.as_view()),
    path("organizations/<slug:org>/projects", projects_api.ProjectList.as_view()),
    path(
        "organizations/<slug:org>/projects/<uuid:project_id>", projects_api.ProjectDetail.as_view()
    ),
    path("organizations/<slug:org>/limits", projects_api.OrganizationLimits.as_view()),
    path("organizations/<slug:org>/policy", policy_api.OrganizationPolicy.as_view()),
    path("organizations/<slug:org>/members", api.MemberList.as_view()),
    path("organizations/<slug:org>/audit", api.AuditLog.as_view()),
    path("organizations/<slug:org>/support-accesses", support_api.SupportAccessList.as_view()),
    path(
        "organizations/<slug:org>/support-accesses/<uuid:access_id>",
        support_api.SupportAccessDetail.as_view(),
    ),
    path("staff/audit", staff_audit_api.StaffAuditLog.as_view()),
    path(f"{STAFF}/limits", staff_limits_api.CustomerLimits.as_view()),
    path(f"{STAFF}/notes", staff_customer_api.NoteList.as_view()),
    path(f"{STAFF}/notes/<uuid:note_id>", staff_customer_api.NoteDetail.as_view()),
    path(f"{STAFF}/restrictions", staff_customer_api.RestrictionList.as_view()),
    path(f"{STAFF}/restrictions/lift", staff_customer_api.RestrictionEnd.as_view()),
    path(f"{STAFF}/support-accesses", staff_customer_api.SupportList.as_view()),
]
