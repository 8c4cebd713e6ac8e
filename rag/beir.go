package rag

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// beir is a test collection in the form of the BEIR benchmark (Thakur et al. 2021).
type beir struct {
	corpus  []beirText
	queries []beirText
	grades  map[string]map[string]float64 // query, document: grade
}

type beirText struct {
	ID    string `json:"_id"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

const maxBEIRLine = 16 << 20

// readBEIR reads the collection in dir, with the queries of another file if one is named.
func readBEIR(dir, queries string) (b beir, err error) {
	if queries == "" {
		queries = "queries.jsonl"
	}
	if filepath.Base(queries) == queries {
		queries = filepath.Join(dir, queries)
	}
	if b.corpus, err = readBEIRTexts(filepath.Join(dir, "corpus.jsonl")); err != nil {
		return b, err
	}
	if b.queries, err = readBEIRTexts(queries); err != nil {
		return b, err
	}
	b.grades, err = readQrels(filepath.Join(dir, "qrels.tsv"))
	return b, err
}

// judged returns the queries some document answers, by id.
func (b beir) judged() []beirText {
	judged := slices.DeleteFunc(slices.Clone(b.queries), func(q beirText) bool {
		for _, g := range b.grades[q.ID] {
			if g > 0 {
				return false
			}
		}
		return true
	})
	slices.SortFunc(judged, func(a, b beirText) int { return strings.Compare(a.ID, b.ID) })
	return judged
}

func readBEIRTexts(name string) (texts []beirText, err error) {
	err = eachLine(name, func(line string) error {
		var t beirText
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
	lines.Buffer(nil, maxBEIRLine)
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
