/** The site's title, order of pages and anchors, for VitePress; scripts/site.mjs copies it beside the pages. */

/** The anchor that GitHub gives to a heading, so that links work in both. */
const slugify = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

const items = (...pairs) => pairs.map(([text, link]) => ({ text, link }));

export default {
  title: 'emergent-alignment',
  description: 'A conscience for language models',
  base: process.env.EALIGN_SITE_BASE ?? '/',
  lastUpdated: false,
  markdown: {
    html: false,
    anchor: { slugify },
    toc: { slugify },
    headers: { slugify },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: items(
      ['Quickstart', '/docs/quickstart'],
      ['Method', '/docs/method'],
      ['Configuration', '/docs/configuration'],
      ['API', '/docs/api/index'],
    ),
    sidebar: [
      {
        text: 'Start',
        items: items(
          ['What it is', '/'],
          ['Quickstart', '/docs/quickstart'],
          ['Recipes', '/docs/recipes'],
          ['Examples', '/examples/index'],
          ['Troubleshooting', '/docs/troubleshooting'],
        ),
      },
      {
        text: 'Train',
        items: items(
          ['Training', '/docs/training'],
          ['Data', '/docs/data'],
          ['Models', '/docs/models'],
          ['GPUs and clusters', '/docs/gpus'],
          ['The worker', '/python/worker/index'],
          ['Dashboard', '/docs/dashboard'],
          ['Exporting models', '/docs/export'],
          ['Speed', '/docs/speed'],
        ),
      },
      {
        text: 'Deploy',
        items: items(
          ['Serving and online learning', '/docs/serving'],
          ['AI SDK', '/docs/ai-sdk'],
          ['Guardrails', '/docs/guardrails'],
          ['Reviewing transcripts', '/docs/review'],
        ),
      },
      {
        text: 'Understand',
        items: items(
          ['Method', '/docs/method'],
          ['The conscience of a real model', '/docs/conscience'],
          ['Metrics', '/docs/metrics'],
          ['Evaluation', '/docs/evaluation'],
          ['How to read a report', '/docs/reading-a-report'],
          ['Blind ratings', '/docs/blind-ratings'],
          ['Safety evaluation in other tools', '/docs/safety-evaluation'],
          ['Real models', '/docs/real-models'],
          ['Real models, tables', '/docs/real-models-tables'],
          ['Findings', '/docs/findings'],
          ['Results', '/docs/results'],
          ['Log of measurements', '/docs/log/index'],
        ),
      },
      {
        text: 'Reference',
        items: items(
          ['Configuration', '/docs/configuration'],
          ['API', '/docs/api/index'],
          ['Architecture', '/ARCHITECTURE'],
          ['Contributing', '/CONTRIBUTING'],
          ['Changelog', '/CHANGELOG'],
        ),
      },
    ],
  },
};
