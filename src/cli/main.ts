/**
 * The command `ealign`, once front.ts has decided in which thread: registers the commands, runs one, and turns
 * whatever it throws into a line and an exit code.
 */
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from '../errors.js';
import { makeFolder, writeFileAtomic } from '../files/files.js';
import type { PullProgress } from '../hub/repository.js';
import { addBenchCommand } from './bench.js';
import { addCalibrateCommand } from './calibrate.js';
import { addChatCommand } from './chat.js';
import { addCompletionCommand } from './completion.js';
import { addDashboardCommand } from './dashboard.js';
import { addDemoCommand } from './demo.js';
import { addDoctorCommand } from './doctor.js';
import { addEvalCommand } from './eval/eval.js';
import { addExperimentCommand } from './experiment.js';
import { addExportCommand } from './export.js';
import { addImportConfigCommand } from './import-config.js';
import { addInitCommand } from './init.js';
import { addMlflowCommand } from './mlflow.js';
import { addAuditCommand, addOnlineCommand } from './online.js';
import { addPretrainCommand } from './pretrain.js';
import { addPullCommand } from './pull.js';
import { addReportCommand } from './report.js';
import { addReviewCommand } from './review.js';
import { addSchemaCommand } from './schema.js';
import { addServeCommand } from './serve.js';
import { failure } from './terminal/failure.js';
import { front } from './terminal/front.js';
import { createProgram, withHyphens } from './terminal/program.js';
import { addTrainCommand } from './train.js';
import { addWorkerCommand } from './worker.js';

front?.dress();
process.on('uncaughtException', (error) => {
  fail(error);
  process.exit();
});

const program = createProgram();
addInitCommand(program);
addTrainCommand(program, async (config, options) => {
  if (options.preview) {
    const { planTrain, showPlan } = await import('../train/plan.js');
    process.stdout.write(`${await showPlan(await planTrain(config, options))}\n`);
    return;
  }
  const { runTrain } = await import('../train/run.js');
  const { withDashboard } = await import('../dashboard/beside.js');
  const run = await withDashboard(config.output, options, () => runTrain(config, options));
  await run.engine.close();
});
addChatCommand(program, async (options, signal) => {
  const { converse } = await import('./converse.js');
  await converse(options, signal);
});
addServeCommand(program, async (options, signal) => {
  const { serve } = await import('../serve/serve.js');
  await serve(options, signal);
});
addDashboardCommand(program, async (folders, { port }, signal) => {
  const { serveDashboard } = await import('../dashboard/serve.js');
  await serveDashboard(folders, port, signal);
});
addDoctorCommand(program, async ({ json, ...options }) => {
  const { examine } = await import('../doctor/doctor.js');
  const { renderDiagnosis } = await import('../doctor/render.js');
  const found = await examine(options);
  process.stdout.write(json ? `${JSON.stringify(found)}\n` : `${renderDiagnosis(found)}\n`);
  if (!found.ok) process.exitCode = 1;
});
addWorkerCommand(
  program,
  async (options) => (await import('./run-worker.js')).runWorker(options),
  async (options) => (await import('./run-worker.js')).installWorker(options),
);
addOnlineCommand(program);
addAuditCommand(program);
addPullCommand(program, async (name, { progress, signal, tokenizer, dataset, subset, split }) => {
  let started = false;
  const options = {
    signal,
    onNote: (line: string) => progress.note(line),
    onProgress: ({ done, total }: PullProgress) => {
      if (!started) progress.start(total, 'download', { first: done, unit: 'bytes' });
      started = true;
      progress.update({ step: done });
    },
  };
  if (!dataset) {
    const { pull } = await import('../hub/pull.js');
    return pull(name, { ...options, headOnly: tokenizer });
  }
  const { pullDataset } = await import('../hub/datasets.js');
  return pullDataset(name, { ...options, subset, split });
});
addCalibrateCommand(program, async ({ json: _, ...options }) => {
  const { runCalibrate } = await import('../calibrate/run.js');
  const { renderCalibration } = await import('../calibrate/table.js');
  const found = await runCalibrate(options);
  return found && { text: renderCalibration(found), result: { ...found } };
});
addReviewCommand(program);
addPretrainCommand(program, async (options) => {
  const { pretrain } = await import('../pinocchio/pretrain.js');
  await pretrain(options);
});
addDemoCommand(
  program,
  async (options) => {
    const { demonstrate } = await import('../pinocchio/demo/demonstrate.js');
    const { renderAlignmentPlot } = await import('../pinocchio/demo/alignment-plot.js');
    const { renderReport } = await import('../pinocchio/demo/report.js');
    const { renderTable } = await import('../pinocchio/demo/table.js');
    makeFolder(dirname(options.report));
    const result = await demonstrate(options);
    if (result === undefined) return;
    writeFileAtomic(join(options.output, 'alignment.svg'), renderAlignmentPlot(result));
    writeFileAtomic(options.report, renderReport(result));
    options.progress.note(`Report: ${options.report}`);
    process.stdout.write(
      options.json ? `${JSON.stringify({ event: 'result', result })}\n` : `\n${renderTable(result)}\n`,
    );
  },
  async ({ model, adapters, questions, json, ...options }) => {
    const { versionsOf } = await import('./side-by-side/versions.js');
    const versions = versionsOf(model, adapters);
    const { ask, questionsByRule } = await import('./side-by-side/ask.js');
    const { chatCommands, renderAnswers } = await import('./side-by-side/render.js');
    const asked = questions.length > 0 ? questions.map((text) => ({ text })) : questionsByRule();
    const answered = await ask({ model, versions, questions: asked, ...options });
    if (answered === undefined) return;
    process.stdout.write(
      json
        ? `${JSON.stringify({ event: 'result', result: answered })}\n`
        : `${renderAnswers(answered, process.stdout)}\n${chatCommands(model, versions)}`,
    );
  },
);
addExperimentCommand(program, async (files, { output, seeds, json, ...options }) => {
  const { pinocchioWorld } = await import('../pinocchio/world.js');
  const { flat } = await import('../report/summary.js');
  const { readExperiment } = await import('../experiment/spec.js');
  const { runExperiment } = await import('../experiment/run.js');
  const { readStudy } = await import('../experiment/read.js');
  const { writeStudy } = await import('../report/write-study.js');
  if (output !== undefined && files.length > 1) {
    throw new ConfigError({
      where: '--output',
      what: 'several experiments cannot share a folder',
      next: 'leave it out: each file names its own',
    });
  }
  const experiments = files.map((file) => {
    const read = readExperiment(file, pinocchioWorld);
    if (seeds !== undefined && seeds > read.seeds.length) {
      throw new ConfigError({
        where: '--seeds',
        what: `${file} has fewer seeds`,
        expected: `at most ${read.seeds.length}`,
        got: String(seeds),
      });
    }
    return {
      ...read,
      ...(output === undefined ? {} : { output: resolve(output) }),
      ...(seeds === undefined ? {} : { seeds: read.seeds.slice(0, seeds) }),
    };
  });
  for (const [i, { output, file }] of experiments.entries()) {
    const same = experiments.findIndex((other) => other.output === output);
    if (same === i) continue;
    throw new ConfigError({
      where: `${file} output`,
      what: `is the folder of ${experiments[same].file} as well`,
      next: 'name each file once, and give each a folder of its own',
    });
  }
  for (const experiment of experiments) {
    const runs = await runExperiment(experiment, pinocchioWorld, options);
    if (runs === undefined) return;
    const { result, table } = writeStudy(readStudy(experiment.output, pinocchioWorld));
    options.progress.note(`Report: ${join(experiment.output, 'report.html')}`);
    process.stdout.write(
      json ? `${JSON.stringify({ event: 'result', result: result.methods.map(flat) })}\n` : `\n${table}`,
    );
  }
});
addReportCommand(program, async (paths, options) => {
  const { writeReports } = await import('./write-reports.js');
  writeReports(paths, options);
});
addMlflowCommand(program, async (folder) => {
  const { sendRun } = await import('../train/send-run.js');
  const all = await sendRun(folder, (line) => process.stderr.write(`${line}\n`));
  if (!all) process.exitCode = 1;
});
addEvalCommand(program);
addBenchCommand(program, async ({ json, ...options }) => {
  const { runBench } = await import('../bench/run.js');
  const { renderBench } = await import('../bench/render.js');
  const result = await runBench(options);
  process.stdout.write(
    json ? `${JSON.stringify({ event: 'result', result })}\n` : `${renderBench(result)}\n`,
  );
});
addExportCommand(program, async (name, options) => {
  const { exportModel } = await import('../export/export.js');
  return exportModel(name, options);
});
addSchemaCommand(program);
addImportConfigCommand(program);
addCompletionCommand(program);

const args = withHyphens(process.argv.slice(2));
try {
  await program.parseAsync(args.length > 0 ? args : ['--help'], { from: 'user' });
} catch (error) {
  fail(error);
}

function fail(error: unknown): void {
  const { text, exitCode } = failure(error);
  process.stderr.write(text);
  // Not process.exit: what is still on its way to a pipe would be lost.
  process.exitCode = exitCode;
}
