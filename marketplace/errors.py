"""What the marketplace refuses, and in which words."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, DomainError


class NotReady(DomainError):
    """A model lacks something that customers need."""

    code = "model_not_ready"
    status = 422
    detail = _("The model cannot be published yet.")


class WrongState(Conflict):
    """The step is not possible from where the model stands."""

    code = "model_wrong_state"
    detail = _("This step is not possible from the model's present state. Reload the page.")


class NameTaken(Conflict):
    """Another model answers to this name."""

    code = "model_name_taken"
    detail = _("Another model has this name in the API.")


class AddressTaken(Conflict):
    """Another model's page stands at this address."""

    code = "model_address_taken"
    detail = _("Another model has this address.")


class RetiresTooSoon(DomainError):
    """A model would retire in the past."""

    code = "model_retires_too_soon"
    status = 422
    detail = _("A model retires later, never in the past. To take it away now, retire it.")


class ReasonMissing(DomainError):
    """A model would go without the notice that customers were promised, and without a reason."""

    code = "reason_missing"
    status = 422
    detail = _("Customers were promised notice. Announce a last day, or say why it goes at once.")


class NoReplacement(DomainError):
    """What should replace a model is that model, or not on sale."""

    code = "model_no_replacement"
    status = 422
    detail = _("A model is replaced by another one that is on sale.")


class RouteElsewhere(DomainError):
    """A route would lead out of the region in which the offer is sold."""

    code = "route_elsewhere"
    status = 422
    detail = _("This server stands in another region than the offer is sold for.")


class RouteTaken(Conflict):
    """The offer has this route."""

    code = "route_taken"
    detail = _("The offer has a route to this model of this server.")


class TrialTaken(Conflict):
    """The offer tries another way out in the same manner."""

    code = "trial_taken"
    detail = _("Another way is tried out so. Promote, stop or remove it first.")


class NotOnTrial(Conflict):
    """What is to be promoted or stopped is not on trial any more."""

    code = "route_not_on_trial"
    detail = _("This way is not on trial. Reload the page.")


class ServerChangeProposed(Conflict):
    """Another change of the server, or of the way, waits for a second person."""

    code = "server_change_proposed"
    detail = _(
        "Another change of this waits for a second person. Decide on it or take it back first."
    )


class NewWayFails(Conflict):
    """Requests cannot go where somebody proposed."""

    code = "new_way_fails"
    detail = _("The new way does not answer as needed. Nothing was changed.")


class LastRoute(Conflict):
    """An offer on sale would have nobody to answer for it."""

    code = "last_route"
    detail = _("Nobody would answer for this offer. Add another route first.")


class PriceInThePast(DomainError):
    """A price would change what was already used."""

    code = "price_in_the_past"
    status = 422
    detail = _("A price can begin now or later, never in the past.")


class PriceNotLater(DomainError):
    """A price would begin before the one it replaces."""

    code = "price_not_later"
    status = 422
    detail = _("A price that begins at this time or later is already scheduled.")


class PriceNotPositive(DomainError):
    """A price is below zero, or finer than twelve decimals per token."""

    code = "price_not_valid"
    status = 422
    detail = _("A price is from 0 to 1 000 000 per million tokens, with at most six decimals.")


class UnknownDimension(DomainError):
    """A price would be for something that is not sold."""

    code = "price_unknown_dimension"
    status = 422
    detail = _("There is no such offer, part of usage or service tier to price.")


class UnratablePrice(DomainError):
    """A price definition cannot be rated, or comes to nothing."""

    code = "price_not_ratable"
    status = 422
    detail = _("This price cannot be rated.")


class PriceIncomplete(DomainError):
    """A book would price a part of an offer and leave others without any price."""

    code = "price_incomplete"
    status = 422
    detail = _("An offer needs a price of every part that it is sold by.")


class WrongCurrency(DomainError):
    """A price book is in another currency than those it is for."""

    code = "price_book_wrong_currency"
    status = 422
    detail = _("The price book is in another currency than the customer pays in.")


class BookTaken(Conflict):
    """There is a book with this code, or one for the same audience and currency."""

    code = "price_book_taken"
    detail = _("There is a price book with this code, or one for the same customers and currency.")


class VersionNotDraft(Conflict):
    """A published version would be changed."""

    code = "price_version_not_draft"
    detail = _("This version is published. Published prices never change; draft a new version.")


class VersionEmpty(DomainError):
    """A version without prices would be published."""

    code = "price_version_empty"
    status = 422
    detail = _("This version has no prices yet.")


class VersionBegan(Conflict):
    """A version that holds already would be withdrawn."""

    code = "price_version_began"
    detail = _("This version has begun. What was used keeps its price; publish a new version.")


class VersionFollowed(Conflict):
    """A scheduled version would be withdrawn from under a later one."""

    code = "price_version_followed"
    detail = _("A later version of the same models is scheduled. Withdraw that one first.")


class DefaultBookNeeded(Conflict):
    """An offer would lose its price for everybody."""

    code = "price_book_is_default"
    detail = _("Without this price nobody could call the offer. Change it, or retire the model.")


class BookForEverybody(Conflict):
    """The list that everybody pays by would be given to somebody, or taken out of use."""

    code = "price_book_is_for_everybody"
    detail = _("This is the list for everybody. Open another book for some of them.")


class BookNamed(Conflict):
    """A book that contracts name would become somebody else's."""

    code = "price_book_named_by_contract"
    detail = _("A contract names this book, so it stays for those whose contract does.")


class AdjustmentInvalid(DomainError):
    """A change by a percentage would do nothing, or leave prices that cannot be."""

    code = "price_adjustment_not_valid"
    status = 422
    detail = _("This change leaves a price that cannot be.")


class PriceFileInvalid(DomainError):
    """Lines of a price file are wrong; nothing of it was taken."""

    code = "price_file_not_valid"
    status = 422
    detail = _("The file is not imported: some of its lines are wrong.")


class BadTokenizer(DomainError):
    """A file does not count tokens."""

    code = "tokenizer_not_usable"
    status = 422
    detail = _("This file cannot count tokens.")


class BadWeights(DomainError):
    """No model that can be taught lies where it is said to."""

    code = "bad_weights"
    status = 422
    detail = _("No model that can be taught lies there.")


class TunedUnpriced(DomainError):
    """A model that was made of another would be sold without a price for all of it."""

    code = "model_not_priced"
    status = 422
    detail = _("Its base model has no complete price at present, so it cannot be called yet.")


class SharedAlready(Conflict):
    """The project may call the model already, or was asked whether it wants to."""

    code = "model_shared_already"
    detail = _("This model is shared with this project already.")


class ShareGone(Conflict):
    """A share that was taken back, or of a model that is nobody's."""

    code = "model_share_gone"
    detail = _("This model is not shared any more.")


class BadChat(DomainError):
    """What should be kept is no conversation of the playground."""

    code = "chat_invalid"
    status = 422


class ChatTooLarge(DomainError):
    """A conversation is longer than one that is kept."""

    code = "chat_too_large"
    status = 413
    detail = _("The conversation is larger than 1 MB and cannot be kept. Images are most of it.")


class TooManyChats(Conflict):
    """A person keeps as many conversations as one may."""

    code = "too_many_chats"
    detail = _("You keep 100 conversations here, the most there can be. Delete one first.")


class BadExample(DomainError):
    """Settings of the playground that cannot be shown as code."""

    code = "example_invalid"
    status = 422
    detail = _("The settings cannot be shown as code.")


class NoticeTooShort(DomainError):
    """A price would rise sooner than customers were promised to be told of it."""

    code = "notice_too_short"
    status = 422
    detail = _(
        "Customers are told of higher prices in time. Choose a later day, or have a colleague "
        "approve it."
    )


class MovePlanned(Conflict):
    """The same is planned for a day to come."""

    code = "price_move_planned"
    detail = _("This is planned for a day to come already. Take it back first.")


class ModelLost(Conflict):
    """A customer would not see a model any more that they used of late, by one person's word."""

    code = "model_lost"


class ShortNoticeNotAccepted(DomainError):
    """A second person would give customers less notice than promised without saying so."""

    code = "short_notice_not_accepted"
    status = 422
    detail = _("Customers would have less notice than they were promised. Confirm that it must be.")


class ChangeProposed(Conflict):
    """A change of the same kind waits for a decision."""

    code = "model_change_proposed"
    detail = _("A change of this kind is proposed already. Decide on it, or take it back first.")


class InReview(Conflict):
    """A model that waits for a second person is not worked on."""

    code = "model_in_review"
    detail = _("The model is in review. Take it back before you change it.")


class DossierFileRefused(DomainError):
    """A file is not what a dossier keeps."""

    code = "dossier_file_refused"
    status = 422
    detail = _("This file cannot be kept with the dossier.")


class DossierFileKept(Conflict):
    """The dossier keeps this content."""

    code = "dossier_file_kept"
    detail = _("The dossier keeps this very file.")


class DossierFileShown(Conflict):
    """Customers may have the file, or somebody proposes that they may."""

    code = "dossier_file_shown"
    detail = _("Customers may have this file, or it is proposed. Take that back first.")


class NothingChanges(DomainError):
    """A proposal says what holds anyway."""

    code = "nothing_changes"
    status = 422
    detail = _("This is what it says already. Change something first.")


class TakesEffectInThePast(DomainError):
    """A change would come about before it is agreed on."""

    code = "takes_effect_in_the_past"
    status = 422
    detail = _("This moment is over. Choose a later one, or none for at once.")


class TermsChanged(Conflict):
    """Other terms are in force than those that were read."""

    code = "terms_changed"
    detail = _("The terms have changed meanwhile. Read them again.")


class NothingToAccept(Conflict):
    """A model asks for no agreement."""

    code = "terms_not_asked"
    detail = _("This model asks for no agreement.")


class NothingToAsk(Conflict):
    """A model asks for no approval, or the customer has asked for it already."""

    code = "access_not_needed"
    detail = _("There is nothing to ask for: access is open, was asked for or is granted.")


class AccessDecided(Conflict):
    """A request for access was decided by somebody else a moment ago."""

    code = "access_decided"
    detail = _("This request was decided meanwhile. Reload the page.")


class NotTheOperators(Conflict):
    """The operator would say who sees a model that is a customer's own."""

    code = "model_is_a_customers"
    detail = _("This is a customer's own model. Its owner says who sees it.")


class AddressReserved(DomainError):
    """A page of the portal stands where the model's would."""

    code = "model_address_reserved"
    status = 422
    detail = _("Another page has this address. Choose another one.")


class ModelRetired(DomainError):
    """A model that was on sale is gone."""

    code = "model_retired"
    status = 410
    detail = _("This model was retired.")


class BadProposal(DomainError):
    """A change of a model was described in facts that cannot be used."""

    code = "proposal_not_valid"
    status = 422
    detail = _("Some facts of the change are not valid.")
