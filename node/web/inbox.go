package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"savoirs/node"
)

// Judge is the part of a node where a person says yes or no to what came by
// hand; *node.Node is one.
type Judge interface {
	Inbox(ctx context.Context) ([]node.Waiting, error)
	InboxShow(ctx context.Context, ref string) (node.WaitingDetail, error)
	Accept(ctx context.Context, ref string, progress func(node.Progress)) (node.Item, error)
	Refuse(ctx context.Context, ref, why string) (node.Refusal, error)
	KeepRevision(ctx context.Context, ref, why string, progress func(node.Progress)) (node.Decision, error)
	KeepBoth(ctx context.Context, ref string, progress func(node.Progress)) (node.Decision, error)
}

// waiting is the page of what waits for a person.
type waiting struct {
	page
	All   []node.Waiting
	Done  string // what was decided just now
	Fault string
}

// judged is the page of one item that waits.
type judged struct {
	page
	node.WaitingDetail
}

// Who names a node.
func (p page) Who(w node.Who) string { return nameOf(w.Name, w.ID) }

// Standing says what is known of an author.
func (p page) Standing(s node.Standing) string { return p.Say("say.author." + string(s)) }

// Relation says how another's version stands to the one that is shown.
func (p page) Relation(c node.Conflict) string {
	return p.Say("say.revision."+c.Relation, "who", p.Who(c.By), "title", c.Title, "size", p.Bytes(c.Size))
}

// Verdict says what was decided about another's version.
func (p page) Verdict(c node.Conflict) string {
	if c.Verdict == node.Undecided {
		return ""
	}
	return p.Say("say.verdict."+string(c.Verdict), "who", p.Who(c.By))
}

// Parted says whether there is something to decide between versions.
func (j judged) Parted() bool { return len(j.Conflicts) > 0 && !j.Unfinished }

func (s *site) inbox(w http.ResponseWriter, r *http.Request) {
	p, title := s.page(w, r), r.URL.Query().Get("title")
	done := ""
	switch r.URL.Query().Get("done") {
	case "accepted":
		done = p.T("inbox_accepted", "title", title)
	case "refused":
		done = p.T("inbox_refused", "title", title)
	case "decided":
		done = p.T("inbox_decided", "title", title)
	}
	s.showInbox(w, r, http.StatusOK, waiting{Done: done})
}

func (s *site) showInbox(w http.ResponseWriter, r *http.Request, status int, p waiting) {
	p.page = s.page(w, r)
	p.Title = p.T("inbox") + " · " + p.T("title")
	all, err := s.node.Inbox(r.Context())
	if err != nil {
		p.Fault = s.stickFault(p.page, err)
	}
	p.All = all
	start(w, status)
	s.show(w, "inbox", p)
}

func (s *site) judge(w http.ResponseWriter, r *http.Request) {
	d, err := s.node.InboxShow(r.Context(), r.PathValue("ref"))
	if err != nil {
		s.showInbox(w, r, http.StatusNotFound, waiting{Fault: s.stickFault(s.page(w, r), err)})
		return
	}
	p := judged{page: s.page(w, r), WaitingDetail: d}
	p.page.Title = d.Item.Title + " · " + p.T("inbox")
	start(w, http.StatusOK)
	s.show(w, "judge", p)
}

// decide does what one of the forms asks for, and goes back to the inbox.
func (s *site) decide(w http.ResponseWriter, r *http.Request) {
	ref, why := r.FormValue("ref"), r.FormValue("why")
	title, done := "", "decided"
	var err error
	switch r.PathValue("verb") {
	case "accept":
		var it node.Item
		it, err = s.node.Accept(r.Context(), ref, nil)
		title, done = it.Title, "accepted"
	case "refuse":
		var f node.Refusal
		f, err = s.node.Refuse(r.Context(), ref, why)
		title, done = f.Title, "refused"
	case "keep":
		var d node.Decision
		d, err = s.node.KeepRevision(r.Context(), ref, cmp.Or(why, s.pack(w, r).Say("say.inbox.other_kept")), nil)
		title = d.Item.Title
	case "keep-both":
		var d node.Decision
		d, err = s.node.KeepBoth(r.Context(), ref, nil)
		title = d.Item.Title
	default:
		s.notFound(w, r)
		return
	}
	if err != nil {
		s.showInbox(w, r, http.StatusConflict, waiting{Fault: s.stickFault(s.page(w, r), err)})
		return
	}
	http.Redirect(w, r, "/inbox?"+url.Values{"done": {done}, "title": {title}}.Encode(), http.StatusSeeOther)
}
