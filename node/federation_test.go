package node_test

import (
	"fmt"
	"slices"
	"testing"

	"savoirs/node"
	"savoirs/node/nodetest"
	"savoirs/rag"
)

// crafts are what the twenty libraries of the federation are about, one each.
var crafts = [...]string{
	"igname", "cyclone", "tambour", "vannerie", "citerne", "abeille", "pirogue", "manioc", "cacao", "vanille",
	"dengue", "chèvre", "charbon", "broderie", "compost", "poterie", "langouste", "girofle", "menuiserie", "alambic",
}

func federation(t *testing.T) []*node.Node {
	t.Helper()
	nodes := nodetest.Start(t, 1+len(crafts), asks, func(i int, o *node.Options) {
		if i == 0 {
			o.AskMost = 3
		}
	})
	var sets []map[string]string
	for _, c := range crafts {
		sets = append(sets, map[string]string{c + ".txt": fmt.Sprintf("Pour bien commencer, le savoir-faire autour de %s demande de la patience et trois saisons.\n", c)})
	}
	shelves(t, nodes, sets...)
	return nodes
}

func TestOfTwentyLibrariesTheFewThatCanAnswerAreAsked(t *testing.T) {
	t.Parallel()
	nodes := federation(t)
	nodetest.Until(t, "the codes of all libraries are known", func() bool {
		known, err := nodes[0].LearnCodes(t.Context())
		return err == nil && known == len(crafts)
	})
	for i, c := range crafts {
		if i%4 > 0 {
			continue
		}
		r, err := nodes[0].Search(t.Context(), node.Question{Text: "Que demande " + c + " ?"})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Hits) == 0 || r.Hits[0].Doc != c+".txt" || r.Hits[0].From.Peer != nodes[i+1].ID().ID {
			t.Errorf("%s: found %+v", c, r.Hits)
		}
		if len(r.Asked) != 3 || r.Asked[0].Outcome != rag.OutcomeAnswered {
			t.Errorf("%s: asked %+v", c, r.Asked)
		}
	}

	// One of them dies: what it had is not found, and what others have is, without it.
	dead := nodes[1].ID().ID
	nodes[1].Close()
	r, err := nodes[0].Search(t.Context(), node.Question{Text: "Que demande cyclone, et que demande igname ?"})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Hits) == 0 || r.Hits[0].Doc != "cyclone.txt" {
		t.Errorf("found %+v", r.Hits)
	}
	if slices.ContainsFunc(r.Asked, func(a rag.Asked) bool { return a.Peer == dead && a.Outcome == rag.OutcomeAnswered }) {
		t.Errorf("a dead node answered: %+v", r.Asked)
	}
}
