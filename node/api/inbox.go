package api

import (
	"context"

	"savoirs/node"
)

type whyRequest struct {
	Ref string `json:"ref"`
	Why string `json:"why,omitempty"` // told to who sent it
}

// inbox are the routes of what waits for a person, and of trust. All are for
// this machine only: what waits is nobody else's business.
func (s *server) inbox() []route {
	n := s.node
	return []route{
		{"GET", "/inbox", true, reply(s, func(ctx context.Context, _ nothing) ([]node.Waiting, error) { return n.Inbox(ctx) })},
		{"GET", "/inbox/refused", true, reply(s, func(context.Context, nothing) ([]node.Refusal, error) { return n.Refusals(), nil })},
		{"POST", "/inbox/show", true, reply(s, func(ctx context.Context, q refRequest) (node.WaitingDetail, error) { return n.InboxShow(ctx, q.Ref) })},
		{"POST", "/inbox/accept", true, stream(s, func(ctx context.Context, q refRequest, p func(node.Progress)) (node.Item, error) {
			return n.Accept(ctx, q.Ref, p)
		})},
		{"POST", "/inbox/refuse", true, reply(s, func(ctx context.Context, q whyRequest) (node.Refusal, error) { return n.Refuse(ctx, q.Ref, q.Why) })},
		{"POST", "/inbox/keep", true, stream(s, func(ctx context.Context, q whyRequest, p func(node.Progress)) (node.Decision, error) {
			return n.KeepRevision(ctx, q.Ref, q.Why, p)
		})},
		{"POST", "/inbox/keep-both", true, stream(s, func(ctx context.Context, q refRequest, p func(node.Progress)) (node.Decision, error) {
			return n.KeepBoth(ctx, q.Ref, p)
		})},
		{"GET", "/trust", true, reply(s, func(context.Context, nothing) ([]node.Who, error) { return n.Trusted(), nil })},
		{"POST", "/trust", true, reply(s, func(_ context.Context, q textRequest) (node.Who, error) { return n.Trust(q.Text) })},
		{"POST", "/untrust", true, reply(s, func(_ context.Context, q textRequest) (node.Who, error) { return n.Untrust(q.Text) })},
	}
}

// Inbox lists what waits for a person; see [node.Node.Inbox].
func (c *Client) Inbox(ctx context.Context) ([]node.Waiting, error) {
	return call[[]node.Waiting](ctx, c, "GET", "/inbox", nil)
}

// Refusals lists what was refused; see [node.Node.Refusals].
func (c *Client) Refusals(ctx context.Context) ([]node.Refusal, error) {
	return call[[]node.Refusal](ctx, c, "GET", "/inbox/refused", nil)
}

// InboxShow tells all that is known of what waits; see [node.Node.InboxShow].
func (c *Client) InboxShow(ctx context.Context, ref string) (node.WaitingDetail, error) {
	return call[node.WaitingDetail](ctx, c, "POST", "/inbox/show", refRequest{ref})
}

// Accept lets an item out of the inbox; see [node.Node.Accept].
func (c *Client) Accept(ctx context.Context, ref string, progress func(node.Progress)) (node.Item, error) {
	return follow[node.Item](ctx, c, "/inbox/accept", refRequest{ref}, progress, nil)
}

// Refuse drops an item of the inbox; see [node.Node.Refuse].
func (c *Client) Refuse(ctx context.Context, ref, why string) (node.Refusal, error) {
	return call[node.Refusal](ctx, c, "POST", "/inbox/refuse", whyRequest{ref, why})
}

// KeepRevision decides for one of several revisions; see [node.Node.KeepRevision].
func (c *Client) KeepRevision(ctx context.Context, ref, why string, progress func(node.Progress)) (node.Decision, error) {
	return follow[node.Decision](ctx, c, "/inbox/keep", whyRequest{ref, why}, progress, nil)
}

// KeepBoth lets revisions go on side by side; see [node.Node.KeepBoth].
func (c *Client) KeepBoth(ctx context.Context, ref string, progress func(node.Progress)) (node.Decision, error) {
	return follow[node.Decision](ctx, c, "/inbox/keep-both", refRequest{ref}, progress, nil)
}

// Trusted lists whom the people of the node trust.
func (c *Client) Trusted(ctx context.Context) ([]node.Who, error) {
	return call[[]node.Who](ctx, c, "GET", "/trust", nil)
}

// Trust lets an author's items pass the inbox; see [node.Node.Trust].
func (c *Client) Trust(ctx context.Context, who string) (node.Who, error) {
	return call[node.Who](ctx, c, "POST", "/trust", textRequest{who})
}

// Untrust takes a Trust back.
func (c *Client) Untrust(ctx context.Context, who string) (node.Who, error) {
	return call[node.Who](ctx, c, "POST", "/untrust", textRequest{who})
}
