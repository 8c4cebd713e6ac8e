package node_test

import (
	"fmt"
	"slices"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/rag"
	"savoirs/rag/ragtest"
)

// asks has node 0 ask others, and every node make vectors of one fake model.
func asks(i int, o *node.Options) {
	hurried(i, o)
	o.Embedder = &ragtest.Embedder{Size: 256}
	o.AskOthers = i == 0
}

// shelves publishes a dataset on each node but the first, and connects all to the first, which then knows of all.
func shelves(t *testing.T, nodes []*node.Node, sets ...map[string]string) {
	t.Helper()
	for i, files := range sets {
		publish(t, nodes[i+1], fmt.Sprintf("Rayon %d", i), files)
		nodetest.Connect(t, nodes[0], nodes[i+1])
	}
	nodetest.Until(t, "the first node knows of all datasets and their vectors", func() bool {
		items, err := nodes[0].List(t.Context())
		return err == nil && len(items) == len(sets)
	})
}

var (
	yams   = map[string]string{"igname.txt": "L'igname se plante en mars, dans une terre meuble et bien fumée. On butte les plants quand les feuilles jaunissent.\n"}
	storms = map[string]string{"cyclone.txt": "Avant un cyclone, on range tout ce que le vent peut emporter et on remplit d'eau propre des récipients fermés.\n"}
	drums  = map[string]string{"tambour.txt": "Le tambour ka se joue assis, les deux mains à plat, et accompagne les veillées et le carnaval.\n"}
)

func TestAQuestionFindsWhatOthersPublishedAndSaysWhoWasAsked(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 4, asks)
	shelves(t, nodes, yams, storms, drums)
	var kinds []rag.EventKind
	a, err := nodes[0].Ask(t.Context(), node.Question{Text: "Quand plante-t-on l'igname ?", NoModel: true}, func(e rag.Event) error {
		kinds = append(kinds, e.Kind)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Sources) == 0 || a.Sources[0].Doc != "igname.txt" {
		t.Fatalf("answer %+v", a)
	}
	from := a.Sources[0].From
	if from == nil || from.Peer != nodes[1].ID().ID || from.Author != from.Peer || from.Dataset != "Rayon 0" || !from.Verified {
		t.Errorf("from %+v", from)
	}
	if len(a.Asked) != 3 || slices.ContainsFunc(a.Asked, func(p rag.Asked) bool { return p.Outcome != rag.OutcomeAnswered }) {
		t.Errorf("asked %+v", a.Asked)
	}
	if kinds[0] != rag.EventEarly || kinds[len(kinds)-1] != rag.EventDone || !slices.Contains(kinds, rag.EventSources) {
		t.Errorf("events %v", kinds)
	}
}

func TestAPrivateQuestionStaysHomeAndSaysSo(t *testing.T) {
	t.Parallel()
	nodes := nodetest.Start(t, 2, asks)
	shelves(t, nodes, yams)
	r, err := nodes[0].Search(t.Context(), node.Question{Text: "Quand plante-t-on l'igname ?", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Hits) != 0 || len(r.Asked) != 1 || r.Asked[0].Outcome != rag.OutcomePrivate {
		t.Errorf("results %+v", r)
	}
	r, err = nodes[1].Search(t.Context(), node.Question{Text: "cyclone"}) // this node asks nobody by itself
	if err != nil || len(r.Asked) != 0 {
		t.Errorf("results %+v, %v", r, err)
	}
}
