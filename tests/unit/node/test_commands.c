/* node/commands_halo.c, node/commands_space.c, node/commands_object.c, node/object_ops.c, node/commands_query.c,
 * node/commands_index.c, node/commands_node.c, node/invite.c, node/arguments.c, node/dispatch.c: one conversation with one vault:
 * every command's good answer and every refusal with its words, as docs/spec/commands.md promises them.
 *
 * In what is expected ' stands for ", and * for anything: keys, ids and figures. */
#include "base/limits.h"
#include "street.h"

static street road;

/* The line and its notifications, then the reply. */
static const struct {
    const char *ask, *told, *reply;
} conversation[] = {
    /* node/commands_node.c */
    {"{'do': 'status'}", "",
     "{'peers':0,'vault':{'clone':false,'syncs':*,'encrypted':true,'read_only':false,'wal_bytes':*,'pages_"
     "written':*},'counts':{'steps':*"
     ",'undone':0,'apps_denied':0,'"
     "links_ready':0,'links_failed':0,'events_failed':0,'links_crowded':0,'peers_refused':0,'signals_strange'"
     ":0,'signals_replayed':0},'listen':['mem:"
     "alice'],'signal':[],'spaces':"
     "0}"},
    /* node/commands_halo.c */
    {"{'do': 'halo.identity'}", "",
     "{'error':{'try':'dx halo create NAME','code':-7,'name':'E_NO_IDENTITY','message':'this vault has no "
     "identity yet'}}"},
    {"{'do': 'device.list'}", "",
     "{'error':{'try':'dx halo create NAME','code':-7,'name':'E_NO_IDENTITY','message':'this vault has no "
     "identity yet'}}"},
    /* node/commands_space.c */
    {"{'do': 'space.create', 'name': 'x'}", "",
     "{'error':{'try':'dx halo create NAME','code':-7,'name':'E_NO_IDENTITY','message':'this vault has no "
     "identity yet'}}"},
    /* node/commands_halo.c */
    {"{'do': 'halo.create'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"name\\\" is missing'}}"},
    {"{'do': 'halo.create', 'name': ''}", "",
     "{'error':{'try':'dx halo create NAME','code':-1,'name':'E_INVALID','message':'an identity needs a "
     "name'}}"},
    {"{'do': 'halo.create', 'name': 5}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"name\\\" must be a text'}}"},
    {"{'do': 'halo.create', 'name': 'Alice'}", "", "{'name':'Alice','device':'*','identity':'*'}"},
    {"{'do': 'halo.create', 'name': 'Alice'}", "",
     "{'error':{'try':'dx halo identity','code':-4,'name':'E_EXISTS','message':'this vault already has an "
     "identity, \\\"Alice\\\"'}}"},
    {"{'do': 'halo.identity'}", "", "{'name':'Alice','device':'*','identity':'*'}"},
    {"{'do': 'halo.rename', 'name': 'Alice Liddell'}", "",
     "{'name':'Alice Liddell','device':'*','identity':'*'}"},
    {"{'do': 'halo.rename', 'name': ''}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"name\\\" is empty'}}"},
    {"{'do': 'halo.rename', 'name': 'a\\nb'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'a name is one line, without control characters'}}"},
    {"{'do': 'halo.rename', 'name': "
     "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxx'}",
     "", "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"name\\\" is longer than 127 bytes'}}"},
    {"{'do': 'halo.rename', 'name': 'Alice'}", "", "{'name':'Alice','device':'*','identity':'*'}"},
    {"{'do': 'device.rename', 'name': ''}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"name\\\" is empty'}}"},
    {"{'do': 'device.rename', 'name': 'x', 'device': 'ffff0'}", "",
     "{'error':{'try':'dx device list','code':-3,'name':'E_NOT_FOUND','message':'this identity has no device "
     "\\\"ffff0\\\"'}}"},
    {"{'do': 'app.ask', 'name': 'Own'}", "",
     "{'error':{'code':-2,'name':'E_STATE','message':'own programs need no grant'}}"},
    {"{'do': 'device.list'}", "{'rows':[{'name':'this device','device':'*','current':true}]}\n",
     "{'count':1}"},
    /* node/commands_space.c */
    {"{'do': 'space.create', 'name': 'Garden'}", "", "{'name':'Garden','space':'*'}"},
    {"{'do': 'space.create'}", "", "{'name':null,'space':'*'}"},
    {"{'do': 'space.list'}",
     "{'rows':[{'name':'Garden','links':0,'space':'*','objects':0},{'name':null,'links':0,'space':'*','"
     "objects':0}]}\n",
     "{'count':2}"},
    {"{'do': 'space.members', 'space': 'Garden'}",
     "{'rows':[{'name':'Alice','role':'owner','object':'0-1-*','identity':'*'}]}\n", "{'count':1}"},
    {"{'do': 'space.rename', 'space': 'Garden', 'name': ''}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"name\\\" is empty'}}"},
    {"{'do': 'space.rename', 'space': 'Garden'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"name\\\" is missing'}}"},
    {"{'do': 'space.rename', 'space': 'Gar', 'name': 'Park'}", "",
     "{'error':{'try':'dx space list','code':-3,'name':'E_NOT_FOUND','message':'there is no space "
     "\\\"Gar\\\" in this vault'}}"},
    {"{'do': 'space.rename', 'space': 'Garden', 'name': 'Garden'}", "", "{'name':'Garden','space':'*'}"},
    {"{'do': 'space.members'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"space\\\" is missing'}}"},
    {"{'do': 'space.create', 'name': "
     "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxx'}",
     "", "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"name\\\" is longer than 127 bytes'}}"},
    {"{'do': 'space.members', 'space': 'Gar'}", "",
     "{'error':{'try':'dx space list','code':-3,'name':'E_NOT_FOUND','message':'there is no space "
     "\\\"Gar\\\" in this vault'}}"},
    {"{'do': 'space.status', 'space': 'Garden'}", "",
     "{'name':'Garden','forks':[],'links':0,'peers':0,'space':'*','hidden':0,'synced':false,'objects':0,'"
     "pending':0,'refused':0}"},
    /* node/commands_query.c */
    {"{'do': 'space.digest', 'space': 'Garden'}", "", "{'digest':'*','objects':0}"},
    /* node/commands_object.c */
    {"{'do': 'object.add', 'space': 'Garden', 'type': 'bed', 'data': {'plant': 'rose'}}", "",
     "{'id':'1-0-*'}"},
    {"{'do': 'object.add', 'space': 'Garden'}", "", "{'id':'2-0-*'}"},
    {"{'do': 'object.add', 'space': 'Garden', 'type': 7}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"type\\\" must be a text'}}"},
    {"{'do': 'object.add', 'space': 'Garden', 'data': []}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"data\\\" must be an object of keys and "
     "values'}}"},
    {"{'do': 'object.add', 'space': 'Garden', 'parent': 'nonsense'}", "",
     "{'error':{'try':'dx object ls SPACE','code':-1,'name':'E_INVALID','message':'\\\"nonsense\\\" is not "
     "an id (SEQ-INDEX-FEED)'}}"},
    {"{'do': 'object.add', 'space': 'Garden', 'parent': 3}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"parent\\\" must be an id'}}"},
    {"{'do': 'object.add', 'space': 'Garden', 'parent': '9-9'}", "",
     "{'error':{'try':'dx object ls SPACE','code':-3,'name':'E_NOT_FOUND','message':'parent 9-9 is not in "
     "this space'}}"},
    {"{'do': 'object.get', 'space': 'Garden', 'id': '1-0'}", "",
     "{'id':'1-0-*','data':{'plant':'rose'},'type':'bed','parent':null,'deleted':false}"},
    {"{'do': 'object.get', 'space': 'Garden'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'no object is named'}}"},
    {"{'do': 'object.set', 'space': 'Garden', 'id': '1-0', 'set': {'rows': 2}}", "",
     "{'id':'1-0-*','data':{'rows':2,'plant':'rose'},'type':'bed','parent':null,'deleted':false}"},
    {"{'do': 'object.set', 'space': 'Garden', 'id': '1-0'}", "",
     "{'error':{'try':'dx object set SPACE ID KEY=JSON','code':-1,'name':'E_INVALID','message':'\\\"set\\\" "
     "is missing'}}"},
    {"{'do': 'object.set', 'space': 'Garden', 'id': '1-0', 'set': {'': 2}}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'a key, a type or a value is not of the allowed "
     "form'}}"},
    {"{'do': 'object.unset', 'space': 'Garden', 'id': '1-0', 'unset': ['rows']}", "",
     "{'id':'1-0-*','data':{'plant':'rose'},'type':'bed','parent':null,'deleted':false}"},
    {"{'do': 'object.unset', 'space': 'Garden', 'id': '1-0'}", "",
     "{'error':{'try':'dx object unset SPACE ID KEY','code':-1,'name':'E_INVALID','message':'\\\"unset\\\" "
     "must be a list of keys'}}"},
    {"{'do': 'object.unset', 'space': 'Garden', 'id': '1-0', 'unset': [3]}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'a key, a type or a value is not of the allowed "
     "form'}}"},
    {"{'do': 'object.rm', 'space': 'Garden', 'id': '1-0'}", "",
     "{'id':'1-0-*','data':{'plant':'rose'},'type':'bed','parent':null,'deleted':true}"},
    {"{'do': 'object.restore', 'space': 'Garden', 'id': '1-0'}", "",
     "{'id':'1-0-*','data':{'plant':'rose'},'type':'bed','parent':null,'deleted':false}"},
    {"{'do': 'object.move', 'space': 'Garden', 'id': '1-0', 'parent': '2-0'}", "",
     "{'id':'1-0-*','data':{'plant':'rose'},'type':'bed','parent':'2-0-*','deleted':false}"},
    {"{'do': 'object.move', 'space': 'Garden', 'id': '2-0', 'parent': '1-0'}", "",
     "{'error':{'code':-10,'name':'E_CONFLICT','message':'it would stand below itself there'}}"},
    {"{'do': 'object.move', 'space': 'Garden', 'id': '1-0'}", "",
     "{'error':{'try':'dx object move SPACE ID --parent ID','code':-1,'name':'E_INVALID','message':'"
     "\\\"parent\\\" is missing; null puts it at the top'}}"},
    {"{'do': 'object.move', 'space': 'Garden', 'id': '1-0', 'parent': null}", "",
     "{'id':'1-0-*','data':{'plant':'rose'},'type':'bed','parent':null,'deleted':false}"},
    /* node/commands_query.c */
    {"{'do': 'object.ls', 'space': 'Garden', 'type': 'bed'}",
     "{'rows':[{'id':'1-0-*','data':{'plant':'rose'},'type':'bed','parent':null,'deleted':false}]}\n",
     "{'count':1}"},
    /* node/commands_history.c */
    {"{'do': 'history.list', 'space': 'Garden', 'id': '1-0', 'limit': 3}",
     "{'rows':[{'at':'*-*','did':'moved','name':'*','time':{'@time':'*'},'device':'*','parent':null,'"
     "identity':'*'},{'"
     "at':'*','did':'moved',*'parent':'2-0-*'*},{*'did':'restored'*}]}\n",
     "{'count':3}"},
    {"{'do': 'history.list', 'space': 'Garden', 'id': '1-0', 'before': '3'}",
     "{'rows':[*'did':'made','set':{'plant':'rose'},*}]}\n", "{'count':*}"},
    {"{'do': 'history.list', 'space': 'Garden', 'id': '1-0', 'limit': 0}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"limit\\\" must be 1 to 1000'}}"},
    {"{'do': 'history.list', 'space': 'nowhere'}", "", "{'error':{*'name':'E_NOT_FOUND',*}}"},
    {"{'do': 'history.list', 'space': 'Garden', 'id': '6-0'}", "",
     "{'error':{'try':'dx object ls SPACE','code':-3,'name':'E_NOT_FOUND','message':'object 6-0 is not in "
     "this space'}}"},
    {"{'do': 'object.get', 'space': 'Garden', 'id': '1-0', 'at': '4'}", "",
     "{'id':'1-0-*','data':{'rows':2,'plant':'rose'},'type':'bed','parent':null,'deleted':false}"},
    {"{'do': 'object.get', 'space': 'Garden', 'id': '1-0', 'at': '1'}", "",
     "{'error':{'try':'dx history SPACE ID','code':-3,'name':'E_NOT_FOUND','message':'it was not made yet at "
     "that "
     "point'}}"},
    {"{'do': 'object.get', 'space': 'Garden', 'id': '1-0', 'at': 'yesterday'}", "",
     "{'error':{'try':'dx history SPACE ID','code':-1,'name':'E_INVALID','message':'\\\"at\\\" must be a "
     "point as the "
     "history has it (COUNTER-FEED)'}}"},
    {"{'do': 'history.restore', 'space': 'Garden', 'id': '1-0'}", "",
     "{'error':{'try':'dx history SPACE ID','code':-1,'name':'E_INVALID','message':'\\\"at\\\" is "
     "missing'}}"},
    {"{'do': 'history.restore', 'space': 'Garden', 'id': '1-0', 'at': '4'}", "",
     "{'id':'1-0-*','data':{'rows':2,'plant':'rose'},'type':'bed','parent':null,'deleted':false}"},
    {"{'do': 'undo', 'space': 'Garden'}", "", "{'at':'*','kept':0,'time':{'@time':'*'},'entities':1}"},
    {"{'do': 'object.get', 'space': 'Garden', 'id': '1-0'}", "",
     "{'id':'1-0-*','data':{'plant':'rose'},'type':'bed','parent':null,'deleted':false}"},
    {"{'do': 'redo', 'space': 'Garden'}", "", "{'at':'*','kept':0,'time':{'@time':'*'},'entities':1}"},
    {"{'do': 'redo', 'space': 'Garden'}", "",
     "{'error':{'code':-3,'name':'E_NOT_FOUND','message':'nothing was undone here since the last change'}}"},
    {"{'do': 'undo', 'space': 'Garden'}", "", "{'at':'*','kept':0,*}"},
    /* node/commands_object.c */
    {"{'do': 'link.add', 'space': 'Garden', 'source': '1-0', 'target': '2-0', 'type': 'near'}", "",
     "{'id':'13-0-*','data':{},'type':'near','source':'1-0-*','target':'2-0-*','deleted':false}"},
    {"{'do': 'link.add', 'space': 'Garden', 'source': '1-0'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'no target is named'}}"},
    /* node/commands_query.c */
    {"{'do': 'link.ls', 'space': 'Garden', 'source': '1-0'}",
     "{'rows':[{'id':'13-0-*','data':{},'type':'near','source':'1-0-*','target':'2-0-*','deleted':false}]}\n",
     "{'count':1}"},
    /* node/commands_object.c */
    {"{'do': 'object.rm', 'space': 'Garden', 'id': '6-0'}", "",
     "{'error':{'try':'dx object ls SPACE','code':-3,'name':'E_NOT_FOUND','message':'object 6-0 is not in "
     "this space'}}"},
    {"{'do': 'link.rm', 'space': 'Garden', 'id': '1-0'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'that id is an object, not a link'}}"},
    {"{'do': 'link.rm', 'space': 'Garden', 'id': '6-0'}", "",
     "{'error':{'try':'dx object ls SPACE','code':-3,'name':'E_NOT_FOUND','message':'link 6-0 is not in this "
     "space'}}"},
    {"{'do': 'batch', 'space': 'Garden', 'ops': [{'op': 'add', 'type': 'bed'}, {'op': 'set', 'id': 0, 'set': "
     "{'a': 1}}, {'op': 'link', 'source': 0, 'target': '1-0'}, {'op': 'unset', 'id': 0, 'unset': ['a']}, "
     "{'op': 'rm', 'id': 0}, {'op': 'restore', 'id': 0}]}",
     "", "{'ids':[{'@bytes':'*'},null,{'@bytes':'*'},null,null,null]}"},
    {"{'do': 'batch', 'space': 'Garden', 'ops': []}", "", "{'ids':[]}"},
    {"{'do': 'batch', 'space': 'Garden'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"ops\\\" must be a list'}}"},
    {"{'do': 'batch', 'space': 'Garden', 'ops': [{'op': 'jump'}]}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'op 0: \\\"op\\\" must be add, link, set, unset, "
     "edit, rm, "
     "restore, move or apply'}}"},
    {"{'do': 'batch', 'space': 'Garden', 'ops': [{'op': 'set', 'id': 1, 'set': {}}]}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"id\\\": op 1 made nothing before this one'}}"},
    {"{'do': 'batch', 'space': 'Garden', 'ops': [3]}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'op 0: \\\"op\\\" must be add, link, set, unset, "
     "edit, rm, "
     "restore, move or apply'}}"},
    /* node/commands_query.c */
    {"{'do': 'query', 'space': 'Garden'}",
     "{'rows':[{'id':'1-0-*','data':{'plant':'rose'},'type':'bed','parent':null,'deleted':false},{'id':'14-0-"
     "*"
     "','data':{},'type':'bed','parent':null,'deleted':false},{'id':'2-0-*','data':{},'type':null,'parent':"
     "null,'deleted':false}]}\n",
     "{'count':3}"},
    {"{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'count': true}}", "", "{'count':2}"},
    {"{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'limit': 1, 'ids': true}}",
     "{'rows':[{'id':'1-0-*'}]}\n", "{'count':1,'cursor':'*'}"},
    {"{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'group': 'plant'}}",
     "{'rows':[{'count':1,'value':'rose'},{'count':1}]}\n", "{'count':2}"},
    {"{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'where': {'plant': 'rose'}}, 'explain': "
     "true}",
     "", "{'read':2,'type':'bed','count':1,'order':'as placed','begins':'type','examined':2}"},
    /* node/commands_index.c */
    {"{'do': 'index.add', 'space': 'Garden', 'type': 'bed', 'path': 'plant'}", "",
     "{'path':'plant','type':'bed'}"},
    {"{'do': 'index.add', 'space': 'Garden', 'type': 'bed', 'path': 'plant'}", "",
     "{'error':{'try':'dx index ls SPACE','code':-4,'name':'E_EXISTS','message':'there is such an index "
     "already'}}"},
    {"{'do': 'index.add', 'space': 'Garden', 'type': 'bed', 'path': 'a..b'}", "",
     "{'error':{'try':'dx help index','code':-1,'name':'E_INVALID','message':'that is no path: parts joined "
     "by dots'}}"},
    {"{'do': 'index.add', 'space': 'Garden', 'type': 'bed', 'path': 'a', 'kind': 'x'}", "",
     "{'error':{'try':'dx help index','code':-1,'name':'E_INVALID','message':'\\\"kind\\\" is \\\"object\\\" "
     "or \\\"link\\\"'}}"},
    {"{'do': 'index.ls', 'space': 'Garden'}",
     "{'rows':[{'kind':'object','made':'declared','path':'plant','type':'bed','state':'ready'}]}\n",
     "{'count':1}"},
    {"{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'where': {'plant': 'rose'}}, 'explain': "
     "true}",
     "",
     "{'made':'declared','path':'plant','read':1,'type':'bed','count':1,'order':'as "
     "placed','begins':'index','examined':1}"},
    {"{'do': 'query', 'space': 'Garden', 'query': {'type': 'bed', 'where': {'plant': 'rose'}, 'path': "
     "{'to': {'type': 'bed'}}}, 'explain': true}",
     "",
     "{'made':'declared','path':'plant','read':1,'then':'path from the beginning','type':'bed','count':1,"
     "'order':'path','begins':'index','examined':1}"},
    {"{'do': 'index.rm', 'space': 'Garden', 'type': 'bed', 'path': 'plant'}", "",
     "{'path':'plant','type':'bed'}"},
    {"{'do': 'index.rm', 'space': 'Garden', 'type': 'bed', 'path': 'plant'}", "",
     "{'error':{'try':'dx index ls SPACE','code':-3,'name':'E_NOT_FOUND','message':'there is no such "
     "index'}}"},
    {"{'do': 'query', 'space': 'Garden', 'query': {'nonsense': 1}}", "",
     "{'error':{'try':'dx help query','code':-1,'name':'E_INVALID','message':'a query has no key "
     "\\\"nonsense\\\"'}}"},
    {"{'do': 'query', 'space': 'Garden', 'query': 3}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"query\\\" must be an object of keys and "
     "values'}}"},
    {"{'do': 'export', 'space': 'Garden'}",
     "{'rows':[{'id':'1-0-*','data':{'plant':'rose'},'type':'bed','parent':null,'deleted':false},{'id':'14-0-"
     "*"
     "','data':{},'type':'bed','parent':null,'deleted':false},{'id':'2-0-*','data':{},'type':null,'parent':"
     "null,'deleted':false}]}\n"
     "{'rows':[{'id':'13-0-*','data':{},'type':'near','source':'1-0-*','target':'2-0-*','deleted'"
     ":false},{'id':'14-1-*','data':{},'type':null,'source':'14-0-*','target':'1-0-*','deleted':false}]}\n",
     "{'count':5}"},
    /* node/commands_space.c */
    {"{'do': 'peer.list'}", "", "{'count':0}"},
    {"{'do': 'peer.connect', 'space': 'Garden', 'address': 'mem:nobody'}", "", "{}"},
    {"{'do': 'peer.connect', 'space': 'Garden', 'address': ''}", "",
     "{'error':{'try':'dx peer connect SPACE tcp:HOST:PORT','code':-1,'name':'E_INVALID','message':'that is "
     "not an address'}}"},
    {"{'do': 'peer.connect', 'space': 'Garden'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"address\\\" is missing'}}"},
    {"{'do': 'peer.list'}",
     "{'rows':[{'name':'Garden','error':'the peer could not be "
     "reached','space':'*','state':'waiting','address':'mem:nobody','seconds':0}]}\n",
     "{'count':1}"},
    /* node/commands_node.c */
    {"{'do': 'request.cancel'}", "",
     "{'error':{'code':-3,'name':'E_NOT_FOUND','message':'there is no such request at work'}}"},
    /* node/invite.c */
    {"{'do': 'space.share', 'space': 'Garden', 'role': 'king'}", "",
     "{'error':{'try':'--role editor','code':-1,'name':'E_INVALID','message':'\\\"role\\\" must be admin, "
     "editor, reader or "
     "pull'}}"},
    {"{'do': 'space.share', 'space': 'Garden', 'pin': '12'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'a PIN is six digits'}}"},
    {"{'do': 'space.share', 'space': 'Garden', 'expires_ms': -1}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'an invitation lives at most thirty days'}}"},
    {"{'do': 'invitation.list'}", "", "{'count':0}"},
    {"{'do': 'invitation.list', 'space': 'Nowhere'}", "",
     "{'error':{'try':'dx space list','code':-3,'name':'E_NOT_FOUND','message':'there is no space "
     "\\\"Nowhere\\\" in this "
     "vault'}}"},
    {"{'do': 'invitation.cancel'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"id\\\" is missing'}}"},
    {"{'do': 'invitation.cancel', 'id': '0123'}", "",
     "{'error':{'try':'dx invitation list','code':-3,'name':'E_NOT_FOUND','message':'this vault made no "
     "invitation "
     "\\\"0123\\\"'}}"},
    {"{'do': 'space.join', 'url': 'nonsense'}", "",
     "{'error':{'try':'copy the whole link again, or ask for a new "
     "one','code':-46,'name':'E_LINK','message':'this is not an invitation link'}}"},
    {"{'do': 'space.join'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"url\\\" is missing'}}"},
    {"{'do': 'space.join', 'url': 'nonsense', 'pin': 'abc'}", "",
     "{'error':{'try':'type the six digits the host shows','code':-1,'name':'E_INVALID','message':'a PIN is "
     "six digits'}}"},
    {"{'do': 'space.pin'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'\\\"pin\\\" is missing'}}"},
    {"{'do': 'space.pin', 'pin': '123456'}", "",
     "{'error':{'code':-3,'name':'E_NOT_FOUND','message':'there is no such join at work'}}"},
    /* node/dispatch.c */
    {"{'do': 'nonsense'}", "",
     "{'error':{'try':'dx help','code':-11,'name':'E_UNSUPPORTED','message':'there is no command "
     "\\\"nonsense\\\"'}}"},
    /* What is quoted is cut inside a character, in the middle of the words and at their end. */
    {"{'do': "
     "'a\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
     "\u00e4\u00e4"
     "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4'}",
     "",
     "{'error':{'try':'dx help','code':-11,'name':'E_UNSUPPORTED','message':'there is no command "
     "\\\"a*?\\\"'}}"},
    {"{'no': 'thing'}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'a command is a map with a text \\\"do\\\" that names "
     "it'}}"},
    {"{'do': 5}", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'a command is a map with a text \\\"do\\\" that names "
     "it'}}"},
    {"[]", "",
     "{'error':{'code':-1,'name':'E_INVALID','message':'a command is a map with a text \\\"do\\\" that names "
     "it'}}"},
    /* node/commands_query.c */
    {"{'do': 'watch', 'space': 'Garden', 'query': {'x': 1}}", "",
     "{'error':{'try':'dx help query','code':-1,'name':'E_INVALID','message':'a query has no key "
     "\\\"x\\\"'}}"},
    /* node/commands_space.c */
    {"{'do': 'space.status', 'space': 'Garden', 'wait_synced': true, 'timeout_ms': 0}",
     "{'name':'Garden','forks':[],'links':2,'peers':0,'space':'*','hidden':0,'synced':false,'objects':3,'"
     "pending':0,'refused':0,'unreached':'mem:nobody: the peer could not be reached'}\n",
     ""},
    {"{'do': 'space.rm', 'space': 'Garden'}", "", "{'space':'*'}"},
    {"{'do': 'space.rm', 'space': 'Garden'}", "",
     "{'error':{'try':'dx space list','code':-3,'name':'E_NOT_FOUND','message':'there is no space "
     "\\\"Garden\\\" in this vault'}}"},
    {"{'do': 'space.list'}", "{'rows':[{'name':null,'links':0,'space':'*','objects':0}]}\n", "{'count':1}"},
    /* node/commands_node.c */
    {"{'do': 'status'}", "",
     "{'name':'Alice','peers':0,'vault':{'clone':false,'syncs':*,'encrypted':true,'read_only':false,'wal_"
     "bytes':*,'pages_written':*},'"
     "counts':{'steps':*,'"
     "undone':0,'apps_denied':0,'links_ready':0,'links_failed':1,'events_failed':0,'links_crowded':0,'peers_"
     "refused':0,'"
     "signals_strange':0,'signals_replayed':0},'"
     "listen':['mem:alice'],'signal':[],"
     "'spaces':1,'identity':'*'}"},
};

static bool matches(const char *pattern, const char *text) {
    while (*pattern != '\0') {
        if (*pattern == '*') {
            while (*text != '\0' && !matches(pattern + 1, text)) {
                text++;
            }
            return *text != '\0' || pattern[1] == '\0';
        }
        if ((*pattern == '\'' ? '"' : *pattern) != *text) {
            return false;
        }
        pattern++;
        text++;
    }
    return *text == '\0';
}

static void assert_matches(const char *asked, const char *text, const char *pattern) {
    if (!matches(pattern, text)) {
        fail_msg("%s\nanswered %s\nexpected %s", asked, text, pattern);
    }
}

static void test_conversation(void **state) {
    (void)state;
    street_init(&road);
    vault *alice = street_move_in(&road, "alice");
    for (size_t i = 0; i < sizeof conversation / sizeof conversation[0]; i++) {
        vault_ask(alice, conversation[i].ask);
        assert_matches(conversation[i].ask, alice->told, conversation[i].told);
        assert_matches(conversation[i].ask, alice->last, conversation[i].reply);
    }
    street_deinit(&road);
}

/* A vault with an identity and a space "List". */
static vault *begin(void) {
    street_init(&road);
    vault *alice = street_move_in(&road, "alice");
    vault_ask(alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'List'}");
    return alice;
}

/* A space may be named by a part of its id; a name comes first; what could mean two is refused. */
static void test_naming_a_space(void **state) {
    (void)state;
    char id[80], json[256];
    vault *alice = begin();
    street_field(vault_ask(alice, "{'do': 'space.create', 'name': 'Twin'}"), "space", id, sizeof id);
    for (size_t size = 4; size <= 64; size += 20) {
        snprintf(json, sizeof json, "{'do': 'space.status', 'space': '%.*s'}", (int)size, id);
        assert_matches(json, vault_ask(alice, json), "{'name':'Twin',*");
    }
    snprintf(json, sizeof json, "{'do': 'space.status', 'space': '%.3s'}", id);
    assert_matches(json, vault_ask(alice, json), "{'error':*'E_NOT_FOUND'*");
    snprintf(json, sizeof json, "{'do': 'space.status', 'space': '%s0'}", id);
    assert_matches(json, vault_ask(alice, json), "{'error':*'E_NOT_FOUND'*");
    vault_ask(alice, "{'do': 'space.create', 'name': 'Twin'}");
    assert_matches("Twin", vault_ask(alice, "{'do': 'space.status', 'space': 'Twin'}"),
                   "{'error':{'try':'dx space list, and more of its id','code':-10,'name':'E_CONFLICT',"
                   "'message':'\\\"Twin\\\" could mean 2 spaces'}}");
    snprintf(json, sizeof json, "{'do': 'space.create', 'name': '%.8s'}", id);
    vault_ask(alice, json); /* named like the beginning of another's id */
    snprintf(json, sizeof json, "{'do': 'space.status', 'space': '%.8s'}", id);
    assert_null(strstr(vault_ask(alice, json), id));
    street_deinit(&road);
}

/* A subscription tells what matches, what begins to, and what no longer does, until it is cancelled. */
static void test_watching(void **state) {
    (void)state;
    char json[256], id[64];
    vault *alice = begin();
    vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'item', 'data': {'buy': 'salt'}}");
    uint64_t watch = vault_begin(alice, "{'do': 'watch', 'space': 'List', 'query': {'type': 'item'}}");
    street_run(&road);
    assert_string_equal(alice->last, ""); /* it goes on */
    street_field(
        vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'item', 'data': {'buy': 'bread'}}"),
        "id", id, sizeof id);
    assert_matches("add", alice->told, "{'rows':[{*'bread'*'added'*}]}\n");
    vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'other'}");
    assert_string_equal(alice->told, "");
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'List', 'id': '%s', 'set': {'buy': 'rye'}}",
             id);
    vault_ask(alice, json);
    assert_matches("set", alice->told, "{'rows':[{*'rye'*'changed'*}]}\n");
    snprintf(json, sizeof json, "{'do': 'object.rm', 'space': 'List', 'id': '%s'}", id);
    vault_ask(alice, json);
    assert_matches("rm", alice->told, "{'rows':[{*'removed'*}]}\n");
    vault_refer(alice, "request.cancel", watch, NULL);
    assert_matches("cancel", alice->last, "{'error':*'E_CANCELLED'*"); /* the watch's own end, after the {} */
    vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'item'}");
    assert_string_equal(alice->told, "");
    street_deinit(&road);
}

/* A watcher that went is told what it missed, from the place it names; a vault that does not know the place says so. */
static void test_coming_back(void **state) {
    (void)state;
    char json[256], at[64], id[64];
    vault *alice = begin();
    uint64_t watch =
        vault_begin(alice, "{'do': 'watch', 'space': 'List', 'query': {'type': 'item'}, 'since': ''}");
    street_run(&road);
    assert_matches("position", alice->told, "{'at':'*','rows':[]}\n");
    street_field(
        vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'item', 'data': {'buy': 'salt'}}"),
        "id", id, sizeof id);
    assert_matches("add", alice->told, "{'at':'*','rows':[{*'salt'*'added'*}]}\n");
    street_field(alice->told, "at", at, sizeof at);
    vault_refer(alice, "request.cancel", watch, NULL);
    street_run(&road);
    vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'other'}");
    vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'item', 'data': {'buy': 'bread'}}");
    snprintf(json, sizeof json, "{'do': 'object.rm', 'space': 'List', 'id': '%s'}", id);
    vault_ask(alice, json);
    snprintf(json, sizeof json, "{'do': 'watch', 'space': 'List', 'query': {'type': 'item'}, 'since': '%s'}",
             at);
    vault_begin(alice, json);
    street_run(&road);
    assert_matches("missed", alice->told, "{'at':'*','rows':[{*'bread'*'added'*},{*'salt'*'removed'*}]}\n");
    vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'item', 'data': {'buy': 'rye'}}");
    assert_matches("goes on", alice->told, "{'at':'*','rows':[{*'rye'*'added'*}]}\n");
    vault_leave(alice); /* another program opens it, and it changes before anybody asks */
    vault_open(alice);
    vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'item', 'data': {'buy': 'oil'}}");
    vault_begin(alice, json);
    street_run(&road);
    assert_matches("taken over", alice->told,
                   "{'at':'*','rows':[{*'bread'*'added'*},{*'salt'*'removed'*},{*'rye'*'added'*},{*'oil'*"
                   "'added'*}]}\n");
    alice->config.same_file = false; /* as when it was copied */
    vault_leave(alice);
    vault_open(alice);
    vault_begin(alice, json);
    street_run(&road);
    assert_matches("another life", alice->told, "{'at':'*','rows':[{'change':'refresh'}]}\n");
    vault_ask(alice, "{'do': 'watch', 'space': 'List', 'since': 'yesterday'}");
    assert_matches("nonsense", alice->last, "{'error':{'code':-1,'name':'E_INVALID',*");
    street_deinit(&road);
}

/* An order is watched by places; who comes back says what it holds. */
static void test_watching_in_order(void **state) {
    (void)state;
    char json[512], at[64], ids[3][64];
    vault *alice = begin();
    for (int i = 0; i < 3; i++) {
        snprintf(json, sizeof json,
                 "{'do': 'object.add', 'space': 'List', 'type': 'item', 'data': {'n': %d}}", 3 - i);
        street_field(vault_ask(alice, json), "id", ids[i], sizeof ids[i]);
    }
    uint64_t watch = vault_begin(
        alice,
        "{'do': 'watch', 'space': 'List', 'since': '', 'query': {'type': 'item', 'order': 'n', 'limit': 2}}");
    street_run(&road);
    assert_matches(
        "begins", alice->told,
        "{'at':'*','rows':[{'id':'*','to':0,'data':{'n':1},*'change':'added',*},{'id':'*','to':1,'data'"
        ":{'n':2},*'change':'added',*},{'change':'listed'}]}\n");
    street_field(alice->told, "at", at, sizeof at);
    snprintf(json, sizeof json, "{'do': 'object.set', 'space': 'List', 'id': '%s', 'set': {'n': 0}}", ids[0]);
    vault_ask(alice, json);
    assert_matches(
        "moves", alice->told,
        "{'at':'*','rows':[{'id':'*','to':0,'data':{'n':0},*'change':'added',*},{'id':'*','from':2,'"
        "change':'removed'}]}\n");
    vault_refer(alice, "request.cancel", watch, NULL);
    vault_leave(alice); /* another program opens it */
    vault_open(alice);
    snprintf(
        json, sizeof json,
        "{'do': 'watch', 'space': 'List', 'since': '%s', 'holds': ['%s', '%s'], 'query': {'type': 'item', "
        "'order': 'n', 'limit': 2}}",
        at, ids[2], ids[1]);
    vault_begin(alice, json);
    street_run(&road);
    assert_matches(
        "comes back", alice->told,
        "{'at':'*','rows':[{'id':'*','from':1,'change':'removed'},{'id':'*','to':0,'data':{'n':0},*"
        "'change':'added',*},{'change':'listed'}]}\n");
    snprintf(json, sizeof json,
             "{'do': 'watch', 'space': 'List', 'since': '%s', 'holds': ['%s', 7], 'query': {'type': 'item', "
             "'order': 'n', 'limit': 2}}",
             at, ids[2]);
    vault_begin(alice, json);
    street_run(&road);
    assert_matches("told anew", alice->told,
                   "{*{'change':'refresh'}*'added'*'added'*{'change':'listed'}]}\n");
    vault_begin(alice, "{'do': 'watch', 'space': 'List', 'query': {'type': 'item', 'group': 'n'}}");
    street_run(&road);
    assert_matches(
        "groups", alice->told,
        "{'rows':[{'to':0,'count':1,'value':0,'change':'added'},{'to':1,'count':1,'value':1,'change'"
        ":'added'},{'to':2,'count':1,'value':2,'change':'added'},{'change':'listed'}]}\n");
    street_deinit(&road);
}

/* space.status waits for peers, tells on the way, and gives up in time. */
static void test_waiting_to_be_in_step(void **state) {
    (void)state;
    vault *alice = begin();
    vault_begin(alice, "{'do': 'space.status', 'space': 'List', 'wait_synced': true, 'timeout_ms': 5000}");
    street_pass(&road, 4999);
    assert_string_equal(alice->last, "");
    assert_int_equal(alice->notified, 1);
    street_pass(&road, 1);
    assert_matches("wait", alice->last,
                   "{'error':{'try':'dx space status, dx peer list','code':-8,'name':'E_TIMEOUT',*");

    vault *bob = street_move_in(&road, "bob");
    vault_ask(bob, "{'do': 'halo.create', 'name': 'Bob'}");
    street_join(alice, bob, "List");
    street_break(&road);
    road.closed = true;
    street_run(&road);
    vault_ask(bob, "{'do': 'object.add', 'space': 'List', 'type': 'item'}");
    vault_begin(alice, "{'do': 'space.status', 'space': 'List', 'wait_synced': true}");
    street_pass(&road, 200000);
    assert_string_equal(alice->last, "");
    road.closed = false;
    street_pass(&road, 120000);
    assert_matches("wait", alice->last,
                   "{*'peers':1,*'hidden':0,'synced':true,'objects':1,'pending':0,'refused':0}");
    street_deinit(&road);
}

/* Links carry nothing any more once the first vault was told that all have what it has: it leaves at once. */
static bool leave_when_told(street *self, vault *from, const dx_effect *effect) {
    (void)from;
    (void)effect;
    if (!self->closed && strstr(self->vaults[0]->last, "\"synced\":true") != NULL) {
        self->closed = true;
        street_break(self);
    }
    return false;
}

/* A host may go as soon as its guest has the blocks; the guest, which applies them for some steps more, is in step all the
 * same, and so is told. Who has lost his only peer before it had everything goes on waiting. */
static void test_host_leaves_early(void **state) {
    (void)state;
    vault *alice = begin();
    vault *bob = street_move_in(&road, "bob");
    vault_ask(bob, "{'do': 'halo.create', 'name': 'Bob'}");
    street_join(alice, bob, "List");
    road.closed = true;
    street_break(&road);
    street_run(&road);
    for (int i = 0; i < 4 * DX_STEP_BLOCKS_MAX; i++) {
        vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'item'}");
    }
    road.gathers = true; /* so that all of them come in one step, and are applied in several */
    vault_begin(alice, "{'do': 'space.status', 'space': 'List', 'wait_synced': true}");
    vault_begin(bob, "{'do': 'space.status', 'space': 'List', 'wait_synced': true}");
    alice->last[0] = bob->last[0] = 0;
    road.closed = false;
    road.cut_sends = 6; /* before all blocks have come */
    for (int i = 0; i < 1000 && road.cut_sends != 0; i++) {
        street_pass(&road, 100);
    }
    assert_string_equal(bob->last, "");
    road.beyond = leave_when_told;
    street_pass(&road, 120000);
    assert_true(road.closed);
    assert_matches("host", alice->last, "{*'peers':1,*'synced':true,*}");
    assert_matches("guest", bob->last, "{*'peers':0,*'synced':true,*}");
    /* Who asks only now has nobody to be in step with. */
    vault_begin(bob, "{'do': 'space.status', 'space': 'List', 'wait_synced': true, 'timeout_ms': 1000}");
    street_pass(&road, 2000);
    assert_matches("later", bob->last, "{'error':*'E_TIMEOUT'*");
    street_deinit(&road);
}

/* What a space held is gone for its readers, for the next opening, and from the disk's tables. */
static void test_forgetting(void **state) {
    (void)state;
    vault *alice = begin();
    for (int i = 0; i < 20; i++) {
        vault_ask(alice, "{'do': 'object.add', 'space': 'List', 'type': 'item'}");
    }
    vault_ask(alice, "{'do': 'peer.connect', 'space': 'List', 'address': 'mem:gone'}");
    vault_begin(alice, "{'do': 'watch', 'space': 'List', 'query': {}}");
    vault_begin(alice, "{'do': 'space.rm', 'space': 'List'}");
    assert_matches("rm", alice->last, "{'space':'*'}");
    vault_leave(alice); /* before its rows are swept */
    vault_open(alice);
    assert_asks(alice, "{'do': 'space.list'}", "{\"count\":0}");
    assert_asks(alice, "{'do': 'peer.list'}", "{\"count\":0}");
    vault_ask(alice, "{'do': 'space.create', 'name': 'List'}");
    assert_asks(alice, "{'do': 'query', 'space': 'List', 'query': {'count': true}}", "{\"count\":0}");
    street_deinit(&road);
}

DX_TEST_MAIN(DX_TEST(test_conversation), DX_TEST(test_naming_a_space), DX_TEST(test_watching),
             DX_TEST(test_coming_back), DX_TEST(test_watching_in_order), DX_TEST(test_waiting_to_be_in_step),
             DX_TEST(test_host_leaves_early), DX_TEST(test_forgetting))
