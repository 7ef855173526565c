"""Checks of invoices and receipts for whoever does not take the operator's word: an auditor, a customer.

``python -m verify EXPORT`` checks all that proves an invoice of usage. Python's own library and the
package ``cryptography`` are enough, and ``tzdata`` where the system has no time zones; no network is used, and
nothing of the portal.
"""
