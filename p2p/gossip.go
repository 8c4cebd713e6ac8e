package p2p

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// MaxHead is the size limit of what Announce sends, in bytes.
	MaxHead = 1 << 10

	headsTopic = "/savoirs/heads/1"
	// maxGossip bounds a whole gossip message: a few heads with their envelopes, or a list of message ids.
	maxGossip = 16 << 10
	headTime  = 5 * time.Second
	// headWorkers bounds how many calls of Options.Head run at once.
	headWorkers = 8
)

// joinHeads sets up gossip for heads. Messages are named by their content, because sequence numbers come from the clock
// and the clock may be wrong: two nodes that believe it is 1970 would otherwise shadow each other's news.
func (m *Mesh) joinHeads(ctx context.Context) (*pubsub.Topic, error) {
	ps, err := pubsub.NewGossipSub(ctx, m.host,
		pubsub.WithMessageSignaturePolicy(pubsub.StrictSign),
		pubsub.WithMessageIdFn(func(msg *pb.Message) string {
			h := sha256.Sum256(msg.GetData())
			return string(h[:])
		}),
		pubsub.WithMaxMessageSize(maxGossip),
		pubsub.WithSubscriptionFilter(pubsub.NewAllowlistSubscriptionFilter(headsTopic)),
		pubsub.WithFloodPublish(true), // our own heads go to every neighbour at once
		pubsub.WithPeerExchange(false),
		pubsub.WithValidateQueueSize(64),
		pubsub.WithValidateThrottle(64),
		pubsub.WithValidateWorkers(1),
		pubsub.WithPeerOutboundQueueSize(64),
		pubsub.WithPeerScore(scoring()),
		pubsub.WithAppSpecificRpcInspector(m.paceGossip()),
	)
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	err = ps.RegisterTopicValidator(headsTopic, m.checkHead,
		pubsub.WithValidatorConcurrency(headWorkers), pubsub.WithValidatorTimeout(headTime))
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	topic, err := ps.Join(headsTopic)
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	return topic, nil
}

// From one neighbourhood: heads, each of which costs two signatures and is passed on, and the rest of what gossip says.
const (
	headsPerSecond  = 10 // 1,000 nodes that publish every other minute
	headsBurst      = 200
	gossipPerSecond = 100
	gossipBurst     = 1000
)

var errGossip = errors.New("too much gossip")

// paceGossip drops what a neighbourhood sends too fast, before any signature of it is checked: valid heads can be had by
// thousands from authors made for the purpose.
func (m *Mesh) paceGossip() func(peer.ID, *pubsub.RPC) error {
	heads := &paces{perSecond: headsPerSecond, burst: headsBurst}
	rest := &paces{perSecond: gossipPerSecond, burst: gossipBurst}
	return func(from peer.ID, rpc *pubsub.RPC) error {
		n := len(rpc.GetSubscriptions())
		c := rpc.GetControl()
		n += len(c.GetGraft()) + len(c.GetPrune()) + len(c.GetIdontwant())
		for _, have := range c.GetIhave() {
			n += 1 + len(have.GetMessageIDs())/16
		}
		for _, want := range c.GetIwant() {
			n += 1 + len(want.GetMessageIDs())/16
		}
		conns := m.host.Network().ConnsToPeer(from)
		if len(conns) == 0 {
			return nil // it has gone
		}
		who := neighbourhood(conns[0])
		if h := len(rpc.GetPublish()); h > 0 && !heads.allow(who, h) || n > 0 && !rest.allow(who, n) {
			return errGossip
		}
		return nil
	}
}

// checkHead decides whether a head is passed on; rejecting it costs the neighbour that sent it.
func (m *Mesh) checkHead(ctx context.Context, from peer.ID, msg *pubsub.Message) pubsub.ValidationResult {
	switch {
	case from == m.host.ID():
		return pubsub.ValidationAccept
	case len(msg.GetData()) > MaxHead:
		return pubsub.ValidationReject
	case m.opts.Head == nil || m.opts.Head(ctx, from, msg.GetData()):
		return pubsub.ValidationAccept
	case ctx.Err() != nil: // ours to answer for, not the sender's
		return pubsub.ValidationIgnore
	}
	return pubsub.ValidationReject
}

// scoring cuts a neighbour off after some ten invalid heads and forgives within an hour. Sharing an address is no
// offence: a school does.
func scoring() (*pubsub.PeerScoreParams, *pubsub.PeerScoreThresholds) {
	decay := pubsub.ScoreParameterDecay(time.Hour)
	params := &pubsub.PeerScoreParams{
		AppSpecificScore: func(peer.ID) float64 { return 0 },
		DecayInterval:    pubsub.DefaultDecayInterval,
		DecayToZero:      pubsub.DefaultDecayToZero,
		RetainScore:      time.Hour,

		BehaviourPenaltyWeight:    -1,
		BehaviourPenaltyThreshold: 6,
		BehaviourPenaltyDecay:     decay,

		Topics: map[string]*pubsub.TopicScoreParams{headsTopic: {
			TopicWeight:                    1,
			TimeInMeshWeight:               0.001,
			TimeInMeshQuantum:              time.Second,
			TimeInMeshCap:                  3600,
			FirstMessageDeliveriesWeight:   0.1,
			FirstMessageDeliveriesDecay:    decay,
			FirstMessageDeliveriesCap:      100,
			InvalidMessageDeliveriesWeight: -1,
			InvalidMessageDeliveriesDecay:  decay,
		}},
	}
	return params, &pubsub.PeerScoreThresholds{
		GossipThreshold: -20, PublishThreshold: -50, GraylistThreshold: -100, OpportunisticGraftThreshold: 1,
	}
}

// Announce tells the whole mesh a head, at most MaxHead bytes. It returns when the neighbours have been queued, also when
// there are none. The same bytes announced again within two minutes are not sent again.
func (m *Mesh) Announce(ctx context.Context, data []byte) error {
	if len(data) > MaxHead {
		return fmt.Errorf("announce %d bytes: a head has at most %d", len(data), MaxHead)
	}
	if err := m.heads.Publish(ctx, data); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}

// gossipTime is how long after identification a peer may take to say that it listens to heads.
const gossipTime = 2 * time.Second

// awaitGossip returns when heads announced here reach p, so that between asking a newcomer for its news and hearing it
// nothing falls through; for one that does not listen it returns after gossipTime.
func (m *Mesh) awaitGossip(ctx context.Context, p peer.ID) {
	ctx, cancel := context.WithTimeout(ctx, gossipTime)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !slices.Contains(m.heads.ListPeers(), p) {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}
