package node_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/p2p"
	"savoirs/rag"
)

type searched struct {
	Text   string   `cbor:"text"`
	In     []string `cbor:"in"`
	Model  string   `cbor:"model"`
	Vector []float32
}

type searchReply struct {
	Offers []rag.Offer `cbor:"offers"`
	Counts rag.Counts  `cbor:"counts"`
}

type proofAsked struct {
	Root  []byte `cbor:"root"`
	Doc   string `cbor:"doc"`
	Start int64  `cbor:"start"`
	End   int64  `cbor:"end"`
}

type proofGiven struct {
	Blocks [][]byte `cbor:"blocks"`
}

// beset has node 0 know a node that answers honestly about yams, and one that published storms and then answers with
// reply, under its own key.
//
// What its dataset says, it proves truly: another node that holds it lends the proof.
func beset(t *testing.T, reply func(ctx context.Context, q searched) (searchReply, error)) (asker, honest *node.Node, liar peer.ID) {
	t.Helper()
	nodes := nodetest.Start(t, 2, asks)
	keeper := nodetest.Start(t, 1, asks)[0]
	o := nodetest.Options(t, t.TempDir())
	asks(2, &o)
	liarsNode, stop := nodetest.Run(t, o)
	shelves(t, append(nodes, liarsNode), yams, storms)
	nodetest.Connect(t, keeper, liarsNode)
	for _, it := range list(t, liarsNode) {
		if it.Mine {
			waitForOffer(t, keeper, it.Root)
			if _, err := keeper.Pull(t.Context(), it.Root, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop()
	b, err := os.ReadFile(filepath.Join(o.Dir, "identity.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.UnmarshalPrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	m, err := p2p.Open(p2p.Options{Key: key, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Blocks: emptyBlocks()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	p2p.Handle(m, "search", p2p.Limit{}, func(ctx context.Context, _ peer.ID, q searched) (searchReply, error) { return reply(ctx, q) })
	p2p.Handle(m, "passages", p2p.Limit{MaxAnswer: 4 << 20}, func(ctx context.Context, _ peer.ID, q proofAsked) (proofGiven, error) {
		to, err := peer.Decode(keeper.ID().ID)
		if err != nil {
			return proofGiven{}, err
		}
		return p2p.Call[proofAsked, proofGiven](ctx, m, to, "passages", p2p.Limit{MaxAnswer: 4 << 20}, q)
	})
	for _, n := range []*node.Node{nodes[0], keeper} {
		info, err := peer.AddrInfoFromString(n.ID().Addrs[0])
		if err == nil {
			err = m.Connect(t.Context(), *info)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := nodes[0].Block(keeper.ID().ID); err != nil { // else it may be the nearer holder, and the liar is not asked
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Until(t, "the liar is back", func() bool {
		for _, p := range nodes[0].Peers() {
			if p.ID == id {
				return true
			}
		}
		return false
	})
	return nodes[0], nodes[1], id
}

const yamQuestion = "Quand plante-t-on l'igname ?"

// findsYams asks and expects the honest passage first, in the time that one slow node may take.
func findsYams(t *testing.T, asker *node.Node, liar peer.ID, want rag.Outcome) rag.Results {
	t.Helper()
	start := time.Now()
	r, err := asker.Search(t.Context(), node.Question{Text: yamQuestion})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Hits) == 0 || r.Hits[0].Doc != "igname.txt" {
		t.Errorf("found %+v", r.Hits)
	}
	if !slices.ContainsFunc(r.Asked, func(a rag.Asked) bool { return a.Peer == liar.String() && a.Outcome == want }) {
		t.Errorf("asked: %+v", r.Asked)
	}
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
	return r
}

// lies are offers of one dataset that say what the question wants to hear.
func lies(q searched, n int, text string) searchReply {
	a := searchReply{Counts: rag.Counts{"fr": {Passages: 1, Terms: 20}}}
	for i := range n {
		a.Offers = append(a.Offers, rag.Offer{Passage: rag.Passage{Set: q.In[0], N: i, Doc: "absent.txt", Lang: "fr", Text: text, End: 100}})
	}
	return a
}

func TestASlowNodeDelaysNobody(t *testing.T) {
	t.Parallel()
	asker, _, id := beset(t, func(ctx context.Context, _ searched) (searchReply, error) {
		<-ctx.Done()
		return searchReply{}, ctx.Err()
	})
	findsYams(t, asker, id, rag.OutcomeLate)
}

func TestANodeThatRefusesIsSaidToHave(t *testing.T) {
	t.Parallel()
	asker, _, id := beset(t, func(context.Context, searched) (searchReply, error) {
		return searchReply{}, &p2p.RemoteError{Code: p2p.CodeBusy}
	})
	findsYams(t, asker, id, rag.OutcomeRefused)
}

func TestAFloodOfPassagesIsNoAnswer(t *testing.T) {
	t.Parallel()
	asker, _, id := beset(t, func(_ context.Context, q searched) (searchReply, error) { return lies(q, 1000, yamQuestion), nil })
	findsYams(t, asker, id, rag.OutcomeLied)
}

func TestAPassageOfADatasetThatWasNotAskedIsALie(t *testing.T) {
	t.Parallel()
	asker, honest, id := beset(t, func(_ context.Context, q searched) (searchReply, error) {
		a := lies(q, 1, yamQuestion)
		a.Offers[0].Set = strings.Repeat("b", 59)
		return a, nil
	})
	_ = honest
	findsYams(t, asker, id, rag.OutcomeLied)
}

func TestWrongVectorsAreFoundByOurOwnModel(t *testing.T) {
	t.Parallel()
	asker, _, id := beset(t, func(_ context.Context, q searched) (searchReply, error) {
		a := lies(q, 1, strings.TrimSpace(storms["cyclone.txt"])) // its dataset says so, but not what was asked
		a.Offers[0].Doc, a.Offers[0].End = "cyclone.txt", int64(len(storms["cyclone.txt"]))
		for _, x := range q.Vector { // as near to the question as can be
			a.Offers[0].Vector = append(a.Offers[0].Vector, byte(int8(x/slices.Max(q.Vector)*63)))
		}
		return a, nil
	})
	r := findsYams(t, asker, id, rag.OutcomeLied)
	for _, h := range r.Hits {
		if h.From != nil && h.From.Peer == id.String() {
			t.Errorf("shown: %+v", h)
		}
	}
}

func TestAPassageThatItsDatasetDoesNotHoldBansWhoMadeItUp(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{"in no document": "absent.txt", "in another's words": "cyclone.txt"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asker, _, id := beset(t, func(_ context.Context, q searched) (searchReply, error) {
				a := lies(q, 1, "Quand plante-t-on l'igname ? L'igname se plante en août, disent tous les vrais jardiniers.")
				a.Offers[0].Doc = doc
				return a, nil
			})
			findsYams(t, asker, id, rag.OutcomeLied)
			why, err := asker.Why(id.String())
			if err != nil || !why[0].Banned || why[0].Faults[0].Kind != p2p.FalsePassage || len(why[0].Faults[0].First) == 0 {
				t.Errorf("held against it: %+v, %v", why, err)
			}
		})
	}
}

func TestATruePassageOfAHolderIsVerified(t *testing.T) {
	t.Parallel()
	asker, _, id := beset(t, func(_ context.Context, q searched) (searchReply, error) {
		a := lies(q, 1, strings.TrimSpace(storms["cyclone.txt"]))
		a.Offers[0].Doc, a.Offers[0].End = "cyclone.txt", int64(len(storms["cyclone.txt"]))
		return a, nil
	})
	r := findsYams(t, asker, id, rag.OutcomeAnswered)
	for _, h := range r.Hits {
		if !h.Verified() {
			t.Errorf("not verified: %+v", h)
		}
	}
}
