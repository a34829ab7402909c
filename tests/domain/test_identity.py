"""Who a customer is: identifiers, the fields that each kind of customer must fill in, warnings, masks."""

import string
from datetime import date

import pytest
import stdnum.luhn
from hypothesis import given
from hypothesis import strategies as st

from pecapp.domain import identity

TODAY = date(2026, 11, 22)
PERSON = "RSSMRA80A01H501U"
BODY = "00743110157"
ADDRESS = {
    "address": "Via della Ceralacca 1",
    "postal_code": "00184",
    "city": "Roma",
    "province": "RM",
    "country": "IT",
    "phone": "333 1234567",
    "email": "mario@ceralacca.test",
    "notice_channel": "email",
}
NAMES = {"first_name": "Mario", "last_name": "Rossi"}
LEGAL = {"legal_first_name": "Mario", "legal_last_name": "Rossi", "legal_tax_code": PERSON}
FORMS = {
    "private": {"kind": "private", **NAMES, "tax_code": PERSON, **ADDRESS},
    "company": {
        "kind": "company",
        "company_name": "Sigilli srl",
        "tax_code": BODY,
        "vat_number": BODY,
        "sdi_code": "ABC1234",
        **LEGAL,
        **ADDRESS,
    },
    "sole_trader": {
        "kind": "sole_trader",
        **NAMES,
        "company_name": "Rossi di Mario Rossi",
        "tax_code": PERSON,
        "vat_number": "12345670017",
        "sdi_pec": "rossi@pec-ceralacca.test",
        **LEGAL,
        **ADDRESS,
    },
    "professional": {
        "kind": "professional",
        **NAMES,
        "company_name": "Studio Rossi",
        "tax_code": PERSON,
        "vat_number": "12345670017",
        "sdi_none": "on",
        **ADDRESS,
    },
    "association": {
        "kind": "association",
        "company_name": "Amici dei sigilli",
        "tax_code": BODY,
        "sdi_none": True,
        **ADDRESS,
    },
    "public_body": {
        "kind": "public_body",
        **NAMES,
        "company_name": "Comune di Esempio",
        "tax_code": BODY,
        "office_code": "UF1A2B",
        **LEGAL,
        **ADDRESS,
    },
}


def _errors(customer="private", **changes):
    return identity.check_holder({**FORMS[customer], **changes})[1]


def _holder(customer="private", **changes):
    holder, wrong = identity.check_holder({**FORMS[customer], **changes})
    assert wrong == {}
    assert holder is not None
    return holder


# --- codice fiscale and partita IVA -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [PERSON, "RSSMRA80A41H501Y", "RSSMRA80A01H50MM", "RSSMRAULALMHRLMD", "rss mra 80a01 h501u", BODY]
)
def test_a_person_s_codice_fiscale_is_accepted_omocodia_and_provisional_included(code):
    assert identity.check_tax_code(code, person=True) == (code.replace(" ", "").upper(), None)


@pytest.mark.parametrize(
    "code",
    [
        "RSSMRA80A01H501A",  # wrong check character
        "RSSMRA80B30H501X",  # 30 February
        "RSSMRA80A81H501G",  # day 81, which the library takes for 1
        "RSSMRA80A01H501",
        "RSSMRA80A01H501UU",
        "00743110158",
        "00000000000",
        "12345678903",
        "",
        "²³¹RA80A01H501U",
        "RSSMRA80A01H50\0U",
    ],
)
def test_a_wrong_codice_fiscale_is_refused(code):
    assert identity.check_tax_code(code, person=True)[1] == "CF_ERRATO"


def test_day_81_would_pass_the_check_character():
    code = "RSSMRA80A81H501"
    full = next(
        code + letter for letter in string.ascii_uppercase if identity.stdnum.it.codicefiscale.is_valid(code + letter)
    )
    assert identity.check_tax_code(full, person=True) == (full, "CF_ERRATO")


def test_a_body_has_eleven_digits_and_a_typed_it_is_dropped():
    assert identity.check_tax_code("IT 007 431 10157", person=False) == (BODY, None)
    assert identity.check_tax_code(PERSON, person=False) == (PERSON, "CF_ENTE_ERRATO")


@pytest.mark.parametrize("number", ["00743110157", "12345670017", "IT00743110157", "it 007 431 101 57"])
def test_a_partita_iva_is_stored_as_eleven_digits(number):
    assert identity.check_vat_number(number) == (number.upper().replace(" ", "").removeprefix("IT"), None)


@pytest.mark.parametrize(
    "number", ["00743110158", "00000000000", "12345678903", "", "1234567", "A0743110157", "٠٠٧٤٣١١٠١٥٧", "DE136695976"]
)
def test_a_wrong_partita_iva_is_refused(number):
    assert identity.check_vat_number(number)[1] == "PIVA_ERRATA"


@pytest.mark.parametrize(
    ("country", "number", "stored"),
    [
        ("DE", "136695976", "DE136695976"),
        ("DE", "DE 136 695 976", "DE136695976"),
        ("GR", "094259216", "EL094259216"),
        ("GR", "GR094259216", "EL094259216"),
        ("US", "oo99999999999", "OO99999999999"),
        ("CH", "CHE-123.456.788", "CHE123456788"),
    ],
)
def test_vat_numbers_abroad(country, number, stored):
    assert identity.check_vat_number(number, country=country) == (stored, None)


@pytest.mark.parametrize(
    ("country", "number"), [("DE", "136695977"), ("FR", BODY), ("US", ""), ("US", "X" * 29), ("US", "<b>")]
)
def test_wrong_vat_numbers_abroad(country, number):
    assert identity.check_vat_number(number, country=country)[1] == "PIVA_ESTERA_ERRATA"


@given(text=st.text(max_size=40), country=st.sampled_from(["IT", "DE", "GR", "US", "FR"]))
def test_no_text_upsets_a_check(text, country):
    identity.check_vat_number(text, country=country)
    identity.check_tax_code(text, person=True)
    identity.check_mobile(text, country=country)
    identity.check_email(text)
    identity.check_domain(text)
    identity.check_local_part(text)
    identity.is_order_number(text)
    identity.mask_email(text)


# --- e-mail, telephone, names of mailboxes ----------------------------------------------------------------------------


def test_an_address_is_normalised_and_reserved_test_domains_are_allowed():
    assert identity.check_email(" Mario@CERALACCA.test ") == ("Mario@ceralacca.test", None)
    assert identity.check_email("mario@example.com") == ("mario@example.com", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mario",
        "mario@",
        "@x.it",
        "mario@localhost",
        "mario@test",
        "a b@x.it",
        "a@x.it,b@x.it",
        "a@x..it",
        "a@[127.0.0.1]",
    ],
)
def test_a_wrong_address_is_refused(text):
    assert identity.check_email(text)[1] == "EMAIL_ERRATA"


def test_a_mobile_number_is_stored_with_its_prefix():
    assert identity.check_mobile("333 123 45 67") == ("+393331234567", None)
    assert identity.check_mobile("+49 1512 3456789") == ("+4915123456789", None)
    assert identity.check_mobile("01512 3456789", country="DE") == ("+4915123456789", None)


@pytest.mark.parametrize("text", ["", "333", "06 1234567", "abc", "+39 333 1234567 890", "3" * 30])
def test_what_is_no_mobile_number_is_refused(text):
    assert identity.check_mobile(text)[1] == "TELEFONO_ERRATO"


@pytest.mark.parametrize("name", ["mario", "m", "mario.rossi", "a-b_c.9", "x" * 64])
def test_mailbox_names(name):
    assert identity.check_local_part(name) == (name, None)


def test_a_mailbox_name_is_lower_case():
    assert identity.check_local_part(" Mario.Rossi ") == ("mario.rossi", None)


@pytest.mark.parametrize(
    "name", ["", ".mario", "mario.", "ma..rio", "ma rio", "mario@x", "è", "x" * 65, "ma\nrio", "ma\0rio"]
)
def test_impossible_mailbox_names(name):
    assert identity.check_local_part(name)[1] == "NOME_ERRATO"


def test_reserved_mailbox_names_are_taken():
    assert identity.check_local_part("Postmaster") == ("postmaster", "NOME_NON_DISP")


def test_domains():
    assert identity.check_domain(" Studio-Rossi.IT ") == ("studio-rossi.it", None)
    for text in ("", "localhost", "a b.it", "x@y.it", "-a.it", "a..it", "http://a.it"):
        assert identity.check_domain(text)[1] == "DOMINIO_ERRATO"


# --- the holder's form ------------------------------------------------------------------------------------------------

REQUIRED = {
    "private": {"first_name", "last_name", "tax_code"},
    "company": {"company_name", "tax_code", "vat_number", *LEGAL},
    "sole_trader": {"first_name", "last_name", "company_name", "tax_code", "vat_number", *LEGAL},
    "professional": {"first_name", "last_name", "company_name", "tax_code", "vat_number"},
    "association": {"company_name", "tax_code"},
    "public_body": {"first_name", "last_name", "company_name", "tax_code", "office_code", *LEGAL},
}
EVERYBODY = {"address", "postal_code", "city", "province", "phone", "email"}


@pytest.mark.parametrize("kind", FORMS)
def test_a_complete_form_is_accepted(kind):
    assert _holder(kind).kind == kind


@pytest.mark.parametrize("kind", FORMS)
def test_what_each_kind_of_customer_must_fill_in(kind):
    wrong = identity.check_holder({"kind": kind, "country": "IT", "sdi_none": True})[1]
    assert wrong == dict.fromkeys(REQUIRED[kind] | EVERYBODY, "CAMPO_OBBLIGATORIO")


def test_an_empty_form_names_every_field_that_is_always_due():
    due = {"kind", "country", "address", "city", "phone", "email"}
    assert identity.check_holder({})[1] == dict.fromkeys(due, "CAMPO_OBBLIGATORIO")
    blanks = dict.fromkeys(identity.Holder.model_fields, "  ")
    assert due <= {field for field, code in identity.check_holder(blanks)[1].items() if code == "CAMPO_OBBLIGATORIO"}


def test_everything_is_normalised():
    holder = _holder(
        first_name="  Maria  Grazia ",
        tax_code="rss mra 80a01 h501u",
        province="rm",
        country="it",
        email="M@CERALACCA.test",
    )
    assert holder.first_name == "Maria Grazia"
    assert (holder.tax_code, holder.province, holder.country) == (PERSON, "RM", "IT")
    assert (holder.phone, holder.email) == ("+393331234567", "M@ceralacca.test")


def test_names_on_pages():
    assert _holder().display_name == "Mario Rossi"
    assert _holder("professional").display_name == "Studio Rossi"
    assert _holder("company").display_name == "Sigilli srl"


def test_only_a_private_customer_is_a_consumer():
    assert [kind for kind in FORMS if _holder(kind).consumer] == ["private"]


def test_what_does_not_apply_is_left_out():
    holder = _holder(company_name="X", office_code="not six", legal_tax_code="wrong")
    assert (holder.company_name, holder.office_code, holder.legal_tax_code) == ("", "", "")


def test_a_private_customer_with_a_partita_iva_is_asked_to_say_what_he_is():
    assert _errors(vat_number=BODY) == {"vat_number": "PIVA_PRIVATO"}


def test_a_person_s_codice_fiscale_is_not_the_partita_iva_typed_twice():
    assert _errors("professional", tax_code="12345670017") == {"tax_code": "CF_ERRATO"}


def test_notices_go_by_e_mail_unless_sms_is_chosen_and_marketing_is_off_unless_ticked():
    assert _holder(notice_channel="").notice_channel is identity.NoticeChannel.EMAIL
    assert _holder(notice_channel="sms").notice_channel is identity.NoticeChannel.SMS
    assert _errors(notice_channel="pigeon") == {"notice_channel": "CAMPO_SCELTA"}
    assert not _holder().marketing
    assert not _holder(marketing="").marketing
    assert _holder(marketing="on").marketing


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("kind", "consumer", "CAMPO_SCELTA"),
        ("country", "XX", "NAZIONE_ERRATA"),
        ("country", "EU", "NAZIONE_ERRATA"),
        ("country", "Italia", "NAZIONE_ERRATA"),
        ("postal_code", "1840", "CAP_ERRATO"),
        ("postal_code", "٠٠١٨٤", "CAP_ERRATO"),
        ("province", "XX", "PROVINCIA_ERRATA"),
        ("province", "Roma", "PROVINCIA_ERRATA"),
        ("email", "mario", "EMAIL_ERRATA"),
        ("phone", "06 1234567", "TELEFONO_ERRATO"),
        ("tax_code", "RSSMRA80A01H501A", "CF_ERRATO"),
        ("sdi_code", "ABC", "SDI_ERRATO"),
        ("sdi_pec", "no", "EMAIL_ERRATA"),
        ("marketing", "maybe", "CAMPO_SCELTA"),
        ("first_name", "Ma\0rio", "CAMPO_CARATTERI"),
        ("first_name", "Ma\u202erio", "CAMPO_CARATTERI"),
        ("address", "Via Roma\n1", "CAMPO_CARATTERI"),
        ("city", "\ud800", "CAMPO_CARATTERI"),
        ("last_name", "x" * 61, "CAMPO_LUNGO"),
        ("email", "x" * 100_000, "CAMPO_LUNGO"),
        ("first_name", ["Mario"], "CAMPO_SCELTA"),
        ("first_name", 5, "CAMPO_SCELTA"),
        ("address", {"a": 1}, "CAMPO_SCELTA"),
        ("kind", ["private"], "CAMPO_SCELTA"),
        ("first_name", None, "CAMPO_OBBLIGATORIO"),
    ],
)
def test_a_wrong_field_is_named_with_its_reason(field, value, code):
    assert _errors(**{field: value})[field] == code


def test_all_errors_come_at_once_and_no_holder_with_them():
    holder, wrong = identity.check_holder({**FORMS["company"], "email": "x", "vat_number": "1", "legal_tax_code": "2"})
    assert holder is None
    assert wrong == {"email": "EMAIL_ERRATA", "vat_number": "PIVA_ERRATA", "legal_tax_code": "CF_ERRATO"}


@pytest.mark.parametrize("kind", ["company", "sole_trader", "professional", "association"])
def test_a_business_says_where_its_invoices_go_or_that_it_has_no_address_for_them(kind):
    nowhere = {"sdi_code": "", "sdi_pec": "", "sdi_none": False}
    assert _errors(kind, **nowhere) == {"sdi_code": "SDI_MANCANTE"}
    for answer in ({"sdi_code": "abc1234"}, {"sdi_pec": "x@pec-ceralacca.test"}, {"sdi_none": "on"}):
        assert _errors(kind, **nowhere | answer) == {}
    assert _holder(kind, **nowhere | {"sdi_code": "abc1234"}).sdi_code == "ABC1234"


def test_a_wrong_pec_for_invoices_is_one_error_not_two():
    assert _errors("company", sdi_code="", sdi_pec="wrong") == {"sdi_pec": "EMAIL_ERRATA"}


def test_a_private_customer_needs_no_address_for_invoices():
    assert _holder().sdi_code == ""


@pytest.mark.parametrize("code", ["ABC", "ABC1234", "AB-123"])
def test_a_public_body_has_an_office_code_of_six(code):
    assert _errors("public_body", office_code=code) == {"office_code": "UFFICIO_ERRATO"}


def test_a_public_body_is_in_italy():
    assert _errors("public_body", country="FR")["country"] == "NAZIONE_ERRATA"


ABROAD = {"country": "DE", "postal_code": "10115", "city": "Berlin", "province": "", "phone": "+49 1512 3456789"}


def test_a_resident_abroad_needs_neither_codice_fiscale_nor_province():
    holder = _holder(**ABROAD, tax_code="")
    assert (holder.tax_code, holder.province, holder.postal_code) == ("", "", "10115")
    assert _errors(**ABROAD, tax_code="WRONG") == {"tax_code": "CF_ERRATO"}


def test_a_company_abroad_has_its_country_s_vat_number_and_no_italian_code():
    holder = _holder("company", **ABROAD, tax_code="", vat_number="136695976", sdi_code="")
    assert holder.vat_number == "DE136695976"
    assert _errors("company", **ABROAD, tax_code="", vat_number=BODY, sdi_code="") == {
        "vat_number": "PIVA_ESTERA_ERRATA"
    }


JUNK = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80) | st.lists(st.integers(), max_size=2)
)


@given(
    kind=st.sampled_from([*FORMS, "x", None]),
    junk=st.dictionaries(st.sampled_from([*identity.Holder.model_fields]), JUNK),
)
def test_whatever_is_sent_the_answer_is_a_holder_or_named_errors(kind, junk):
    form = {**FORMS.get(kind, {}), **junk}
    holder, wrong = identity.check_holder(form)
    assert (holder is None) == bool(wrong)
    assert set(wrong) <= set(identity.Holder.model_fields)
    assert all(code == code.upper() and " " not in code for code in wrong.values())


@given(kind=st.sampled_from([*FORMS]))
def test_checking_a_checked_holder_changes_nothing(kind):
    holder = _holder(kind)
    assert identity.check_holder(holder.model_dump()) == (holder, {})


# --- warnings ---------------------------------------------------------------------------------------------------------


def test_nothing_to_warn_about():
    assert identity.warnings(_holder(), today=TODAY) == {}


@pytest.mark.parametrize(
    ("tax_code", "today", "minor"),
    [
        ("RSSMRA08S22H501E", date(2026, 11, 21), True),
        ("RSSMRA08S22H501E", date(2026, 11, 22), False),
        ("RSSMRA25A01H501V", TODAY, True),  # 2025 rather than 1925
        ("RSSMRA26T01H501S", TODAY, False),  # 1 December 2026 is still to come: 1926
        ("RSSMRAULALMHRLMD", TODAY, False),  # omocodia of 1980
    ],
)
def test_a_minor_is_pointed_out(tax_code, today, minor):
    body = tax_code[:15]
    tax_code = body + identity.stdnum.it.codicefiscale.calc_check_digit(body)
    found = identity.warnings(_holder(tax_code=tax_code), today=today)
    assert found == ({"tax_code": "CF_MINORENNE"} if minor else {})


def test_a_code_that_does_not_agree_with_the_name_is_pointed_out_and_not_refused():
    assert identity.warnings(_holder(first_name="Lucia"), today=TODAY) == {"tax_code": "CF_NOME"}
    assert identity.warnings(_holder("company", legal_last_name="Verdi"), today=TODAY) == {"legal_tax_code": "CF_NOME"}


@pytest.mark.parametrize("domain", ["pec.example.it", "pec-ceralacca.test", "studio-pec.it", "cert.example.it"])
def test_a_reference_address_that_looks_certified_is_pointed_out(domain):
    assert identity.warnings(_holder(email=f"a@{domain}"), today=TODAY) == {"email": "EMAIL_PEC"}


def test_the_provider_s_own_certified_domains_are_known():
    holder = _holder(email="a@legal.ceralacca.test")
    assert identity.warnings(holder, today=TODAY) == {}
    assert identity.warnings(holder, today=TODAY, pec_domains=["legal.ceralacca.test"]) == {"email": "EMAIL_PEC"}


@pytest.mark.parametrize("email", ["a@specchio.it", "a@pecora.it", "a@certo.it", "pec@example.it"])
def test_an_ordinary_address_is_left_in_peace(email):
    assert not identity.looks_certified(email)


# --- masks and order numbers ------------------------------------------------------------------------------------------


def test_masks_show_little_and_hide_lengths():
    assert identity.mask_email("mario@dominio.it") == "m•••@d•••.it"
    assert identity.mask_email("m@x.co.uk") == "m•••@x•••.uk"
    assert identity.mask_tax_code(PERSON) == "RSS••••••••••••U"
    assert identity.mask_tax_code(BODY) == "007•••••••7"
    assert identity.mask_tax_code("AB") == "••••"


@given(digits=st.text("0123456789", min_size=9, max_size=9))
def test_an_order_number_has_ten_digits_and_passes_luhn(digits):
    number = identity.new_order_number(digits)
    assert len(number) == 10
    assert number.startswith(digits)
    assert stdnum.luhn.is_valid(number)
    assert identity.is_order_number(number)


@given(digits=st.text("0123456789", min_size=9, max_size=9), place=st.integers(0, 9), step=st.integers(1, 9))
def test_one_digit_mistyped_is_always_noticed(digits, place, step):
    number = identity.new_order_number(digits)
    mistyped = number[:place] + str((int(number[place]) + step) % 10) + number[place + 1 :]
    assert not identity.is_order_number(mistyped)


@pytest.mark.parametrize(
    "text", ["", "1234567890", "123456789", "12345678977", "١٢٣٤٥٦٧٨٩٧", "123456789a", "1234567897\n", " 1234567897"]
)
def test_what_is_no_order_number(text):
    assert not identity.is_order_number(text)


@pytest.mark.parametrize("digits", ["", "12345678", "1234567890", "12345678a", "١٢٣٤٥٦٧٨٩"])
def test_an_order_number_is_made_from_nine_digits(digits):
    with pytest.raises(ValueError, match="nine digits"):
        identity.new_order_number(digits)
