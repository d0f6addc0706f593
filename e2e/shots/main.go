// Shots takes pictures of pages: on a wide screen, in the dark, on a phone and on
// paper. It takes the files it is given, or the pages that the tests look at.
//
//	go -C e2e run ./shots -out DIR [FILE.html ...]
//
// With -docs it makes the pictures of the documents anew, of the review of a simulated
// server:
//
//	go -C e2e run ./shots -docs ../docs
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/commandsec/commandsec-go/e2e/browser"
	"github.com/commandsec/commandsec-go/governance/report"
	"github.com/commandsec/commandsec-go/governance/review"
	"github.com/commandsec/commandsec-go/governance/snapshot/take"
	"github.com/commandsec/commandsec-go/internal/specimen"
	"github.com/commandsec/commandsec-go/security/securitytest"
)

func main() {
	out := flag.String("out", "", "folder for the pictures")
	docs := flag.String("docs", "", "folder of the documents, whose pictures are made anew")
	flag.Parse()
	var err error
	if *docs != "" {
		err = document(*docs)
	} else {
		err = run(*out, flag.Args())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shots:", err)
		os.Exit(1)
	}
}

func run(out string, files []string) error {
	if out == "" {
		return errors.New("name the folder for the pictures with -out")
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	if len(files) == 0 {
		for name, r := range map[string]*report.Report{
			"review": specimen.Review(), "comparison": specimen.Comparison(), "hostile": specimen.Hostile(),
		} {
			file := filepath.Join(out, name+".html")
			if err := write(file, r); err != nil {
				return err
			}
			files = append(files, file)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	ctx, stop, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for _, file := range files {
		if err := shoot(ctx, file, filepath.Join(out, strings.TrimSuffix(filepath.Base(file), ".html"))); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func write(path string, r *report.Report) error {
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// document takes the pictures of the documents.
func document(docs string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	server := securitytest.NewServer(securitytest.WithVersion("25.4.1"), securitytest.WithLegacyTenant(1, 60))
	defer server.Close()
	client, err := server.Client()
	if err != nil {
		return err
	}
	s, err := take.From(ctx, client, nil)
	if err != nil {
		return err
	}
	s.Server.URL, s.TakenAt = "https://command.keyexample.com/KeyfactorAPI", time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC) // the same every time
	dir, err := os.MkdirTemp("", "shots")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of its own in the one for what is temporary
	page := filepath.Join(dir, "review.html")
	if err := write(page, review.New(s, &review.Options{File: "q3.json", Program: "commandsec"}).Report()); err != nil {
		return err
	}
	ctx, stop, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for name, size := range map[string][2]int64{"review-desktop.png": {1280, 1000}, "review-phone.png": {360, 1300}} {
		picture, err := view(ctx, page, size[0], size[1])
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(docs, name), picture, 0o644); err != nil { //nolint:gosec // a picture for everybody
			return err
		}
	}
	return nil
}

// view is the picture of what one sees of a page first.
func view(ctx context.Context, page string, width, height int64) ([]byte, error) {
	address := (&url.URL{Scheme: "file", Path: filepath.ToSlash(page)}).String()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Navigate(address)); err != nil {
		return nil, err
	}
	return chromedp.Run(ctx, chromedp.CaptureScreenshot())
}

// tallest is how many pixels of a page fit on a picture.
const tallest = 12000

// shoot takes the pictures of one page. Their names start with name.
func shoot(ctx context.Context, file, name string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	address := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
	for _, look := range []struct {
		name  string
		width int64
		dark  bool
		whole bool // not only what one sees first
	}{{"first-screen", 1280, false, false}, {"desktop", 1280, false, true}, {"dark", 1280, true, true}, {"phone", 360, false, true}} {
		scheme := "light"
		if look.dark {
			scheme = "dark"
		}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}); err != nil {
			return err
		}
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(look.width, 800), chromedp.Navigate(address)); err != nil {
			return err
		}
		if look.whole {
			height, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollHeight"))
			if err != nil {
				return err
			}
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(look.width, min(height, tallest))); err != nil {
				return err
			}
		}
		picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			return err
		}
		if err := os.WriteFile(name+"-"+look.name+".png", picture, 0o600); err != nil {
			return err
		}
	}
	paper, err := chromedp.Run(ctx, chromedp.PrintToPDF(
		chromedp.PDFPaper(chromedp.PaperSize{Width: 8.27, Height: 11.69}), chromedp.PDFPreferCSSPageSize(), chromedp.PDFPrintBackground()))
	if err != nil {
		return err
	}
	return os.WriteFile(name+".pdf", paper, 0o600)
}
