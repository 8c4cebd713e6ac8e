package rag

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Collection is documents, questions, and which of the first answer the second: a folder in the form
// of the BEIR benchmark (Thakur et al. 2021).
type Collection struct {
	Documents []CollectionText
	Queries   []CollectionText
	Grades    map[string]map[string]float64 // query, document: how well it answers
}

// CollectionText is one line of corpus.jsonl or queries.jsonl.
type CollectionText struct {
	ID    string `json:"_id"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

const maxCollectionLine = 16 << 20

// ReadCollection reads corpus.jsonl, queries.jsonl and qrels.tsv in dir. queries names another file of
// queries, by path or by its name in dir.
func ReadCollection(dir, queries string) (c Collection, err error) {
	if queries == "" {
		queries = "queries.jsonl"
	}
	if filepath.Base(queries) == queries {
		queries = filepath.Join(dir, queries)
	}
	if c.Documents, err = readCollectionTexts(filepath.Join(dir, "corpus.jsonl")); err != nil {
		return c, err
	}
	if c.Queries, err = readCollectionTexts(queries); err != nil {
		return c, err
	}
	c.Grades, err = readQrels(filepath.Join(dir, "qrels.tsv"))
	return c, err
}

// Sample returns n of the queries that some document answers, taken at random by seed; all of them, by
// id, when n is 0 or there are no more.
func (c Collection) Sample(n int, seed uint64) []CollectionText {
	judged := slices.DeleteFunc(slices.Clone(c.Queries), func(q CollectionText) bool {
		for _, g := range c.Grades[q.ID] {
			if g > 0 {
				return false
			}
		}
		return true
	})
	slices.SortFunc(judged, func(a, b CollectionText) int { return strings.Compare(a.ID, b.ID) })
	if n <= 0 || n >= len(judged) {
		return judged
	}
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(judged), func(i, j int) { judged[i], judged[j] = judged[j], judged[i] })
	return judged[:n]
}

func readCollectionTexts(name string) (texts []CollectionText, err error) {
	err = eachLine(name, func(line string) error {
		var t CollectionText
		if err := json.Unmarshal([]byte(line), &t); err != nil {
			return err
		}
		if t.ID == "" {
			return fmt.Errorf("no _id")
		}
		texts = append(texts, t)
		return nil
	})
	return texts, err
}

// readQrels reads query, document and grade, separated by tabs, below one line of headings. The four
// columns of TREC (query, iteration, document, grade) are taken too.
func readQrels(name string) (map[string]map[string]float64, error) {
	grades := map[string]map[string]float64{}
	header := true
	err := eachLine(name, func(line string) error {
		f := strings.Split(line, "\t")
		if len(f) == 4 {
			f = []string{f[0], f[2], f[3]}
		}
		if len(f) != 3 {
			return fmt.Errorf("%d columns, query, document and grade expected", len(f))
		}
		g, err := strconv.ParseFloat(strings.TrimSpace(f[2]), 64)
		if err != nil {
			if header {
				header = false
				return nil
			}
			return err
		}
		header = false
		if grades[f[0]] == nil {
			grades[f[0]] = map[string]float64{}
		}
		grades[f[0]][f[1]] = g
		return nil
	})
	return grades, err
}

// eachLine calls f with every line that is not empty and says where it failed.
func eachLine(name string, f func(line string) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxCollectionLine)
	n := 0
	for lines.Scan() {
		n++
		if line := strings.TrimSpace(lines.Text()); line != "" {
			if err := f(line); err != nil {
				return fmt.Errorf("%s line %d: %w", name, n, err)
			}
		}
	}
	return lines.Err()
}
