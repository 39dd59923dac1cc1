/* A handler is called with its route's context; the match stays in the exchange for as long as that lives. */
#include "net/dispatch.h"

#include <string.h>

#include "net/connection.h"

static void dispatch_problem(trm__exchange *x, int status, const char *detail, const char *allow) {
  trm__problem problem = {.status = status, .detail = detail};
  trm__field field = {"Allow", allow};
  (void)trm__exchange_problem(x, &problem, &field, allow != NULL, NULL);
}

static void dispatch_options(trm__exchange *x, const char *allow) {
  trm__field field = {"Allow", allow};
  trm__response response = {.status = 204, .fields = &field, .field_count = 1};
  (void)trm__exchange_answer(x, &response, NULL, 0, NULL);
}

void trm__dispatch(trm__exchange *x, void *context) {
  const trm__router *router = context;
  const trm__request *request = trm__exchange_request(x);
  char allow[TRM__ALLOW];
  if (!strcmp(request->path, "*")) {
    trm__allow_text((1u << TRM__METHODS) - 1, allow);
    dispatch_options(x, allow);
    return;
  }
  trm__route_found found = trm__router_find(router, request->method, request->path, &x->match);
  trm__allow_text(x->match.allow, allow);
  switch (found) {
  case TRM__ROUTE_FOUND:
    x->match.route->handle(x, x->match.route->context);
    break;
  case TRM__ROUTE_BAD:
    dispatch_problem(x, 400, "the path is not well formed: escapes are %XX and stand for UTF-8; . and .. are no names",
                     NULL);
    break;
  case TRM__ROUTE_NO_METHOD:
    if (request->method == TRM__OPTIONS) dispatch_options(x, allow);
    else dispatch_problem(x, 405, "the path does not have this method; Allow lists those that it has", allow);
    break;
  default:
    dispatch_problem(x, 404, "there is nothing at this path", NULL);
  }
}
