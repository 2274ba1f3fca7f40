/* fuzz_app.c: any commands, asked by an app that was granted one space of two.
 *
 * The input is a sequence of items: a map is a command of the app's; a number makes the person act (write in the
 * diary, take the grant away, give it again). Checks: nothing of the diary is ever said to the app, neither what
 * stands in it nor its name or id; without a grant every answer is the denial; the diary is as it was, and the person's
 * name in the app's space too. */
#include "items.h"
#include "vaults.h"

enum { APP = 2, COMMANDS_MAX = 40 };

static const char denial[] =
    "{\"error\":{\"try\":\"app.ask\",\"code\":-6,\"name\":\"E_DENIED\",\"message\":\"this "
    "app has no grant for that\"}}\n";

typedef struct diary {
    vault *alice;
    char id[80], digest[256], book[80];
    bool granted;
} diary;

static void grant(diary *self) {
    vault_ask(self->alice,
              "{'do': 'app.grant', 'origin': 'https://app.example', 'scopes': ['identity', 'create'], "
              "'spaces': {'Book': 'share'}}");
    self->granted = true;
}

static void begin(diary *self) {
    vault_ask(self->alice, "{'do': 'space.list'}");
    street_field(self->alice->told, "space", self->book, sizeof self->book);
    vault_ask(self->alice, "{'do': 'space.create', 'name': 'Sesame'}");
    street_field(self->alice->last, "space", self->id, sizeof self->id);
    vault_ask(self->alice,
              "{'do': 'object.add', 'space': 'Sesame', 'type': 'Sesame', 'data': {'Sesame': 1}}");
    vault_connect(self->alice, APP, "https://app.example");
    grant(self);
    snprintf(self->digest, sizeof self->digest, "%s",
             vault_ask(self->alice, "{'do': 'space.digest', 'space': 'Sesame'}"));
}

static void check_heard(diary *self, const char *asked) {
    char *heard = self->alice->heard_by[APP];
    bool quoted = asked != NULL && (strstr(asked, "Sesame") != NULL || strstr(asked, self->id) != NULL);
    FUZZ_CHECK(quoted || strstr(heard, "Sesame") == NULL);
    FUZZ_CHECK(quoted || strstr(heard, self->id) == NULL);
    for (const char *at = heard; !self->granted && *at != 0; at = strchr(at, '\n') + 1) {
        bool is_denied = strncmp(at, denial, sizeof denial - 1) == 0;
        bool is_own = strstr(at, "there is no such request") != NULL || strstr(at, "must be") != NULL ||
                      strstr(at, "longer than") != NULL; /* what needs no grant: cancelling, asking */
        FUZZ_CHECK(is_denied || is_own);
    }
    heard[0] = 0;
}

static void ask(diary *self, dx_bytes command, uint8_t number) {
    char *text = calloc(1, STREET_TEXT_SIZE);
    FUZZ_CHECK(text != NULL);
    vault_json(self->alice, command, text, STREET_TEXT_SIZE);
    vault_event(
        self->alice,
        (dx_event){.kind = DX_EVENT_COMMAND, .port = APP, .request = {0xa0, number}, .body = command});
    street_run(self->alice->street);
    check_heard(self, text);
    free(text);
}

static void act(diary *self, int64_t what) {
    if (what % 3 == 0) { /* it stands in the diary for a moment, and whoever watched it would hear */
        vault_ask(self->alice, "{'do': 'object.set', 'space': 'Sesame', 'id': '1-0', 'set': {'Sesame': 2}}");
    } else if (what % 3 == 1 && self->granted) {
        vault_ask(self->alice, "{'do': 'app.revoke', 'origin': 'https://app.example'}");
        self->granted = false;
    } else if (!self->granted) {
        self->alice->heard_by[APP][0] = 0;
        grant(self);
    }
    check_heard(self, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    dx_bytes item;
    if (!next_item(&input, &item) || dx_item_kind(item) != DX_KIND_MAP) {
        return 0; /* noise, not worth opening a vault for */
    }
    street road;
    diary self = {.alice = open_alice(&road)};
    begin(&self);
    input = (fuzz_input){data, size};
    bool acted = false;
    for (uint8_t count = 0; count < COMMANDS_MAX && next_item(&input, &item); count++) {
        if (dx_item_kind(item) == DX_KIND_MAP) {
            ask(&self, item, count);
        } else {
            acted = true;
            act(&self, dx_item_int(item, 0) & 0xff);
        }
    }
    FUZZ_CHECK(acted ||
               strcmp(self.digest, vault_ask(self.alice, "{'do': 'space.digest', 'space': 'Sesame'}")) == 0);
    char members[128];
    snprintf(members, sizeof members, "{'do': 'space.members', 'space': '%s'}", self.book);
    vault_ask(self.alice, members);
    FUZZ_CHECK(strstr(self.alice->told, "\"name\":\"Alice\"") != NULL);
    street_deinit(&road);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    return mutate_items(data, size, max_size, seed);
}
