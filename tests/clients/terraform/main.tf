# Everything of ECR, ECR Public and KMS that the provider knows and a machine of one's own can do.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region = "us-east-1"
}

variable "mutability" {
  default = "IMMUTABLE"
}

variable "kept" {
  default = 10
}

variable "team" {
  default = "payments"
}

data "aws_caller_identity" "me" {}

resource "aws_kms_key" "images" {
  description             = "Images of ${var.team}"
  deletion_window_in_days = 7
  enable_key_rotation     = true
  rotation_period_in_days = 180
  tags                    = { team = var.team }
}

resource "aws_kms_alias" "images" {
  name          = "alias/tf/images"
  target_key_id = aws_kms_key.images.key_id
}

resource "aws_kms_key_policy" "images" {
  key_id = aws_kms_key.images.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Account"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_iam_role" "puller" {
  name = "tf-puller"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_kms_grant" "puller" {
  name              = "tf-puller"
  key_id            = aws_kms_key.images.key_id
  grantee_principal = aws_iam_role.puller.arn
  operations        = ["Decrypt", "DescribeKey"]
}

resource "aws_ecr_repository" "plain" {
  name = "tf/plain"
}

resource "aws_ecr_repository" "api" {
  name                 = "tf/api"
  image_tag_mutability = var.mutability
  force_delete         = true
  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.images.arn
  }
  tags = { team = var.team }
}

resource "aws_ecr_repository_policy" "api" {
  repository = aws_ecr_repository.api.name
  policy     = data.aws_iam_policy_document.pull.json
}

data "aws_iam_policy_document" "pull" {
  statement {
    sid     = "Pull"
    effect  = "Allow"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.puller.arn]
    }
  }
}

data "aws_ecr_lifecycle_policy_document" "api" {
  rule {
    priority    = 1
    description = "Keep the newest"
    selection {
      tag_status   = "any"
      count_type   = "imageCountMoreThan"
      count_number = var.kept
    }
  }
}

resource "aws_ecr_lifecycle_policy" "api" {
  repository = aws_ecr_repository.api.name
  policy     = data.aws_ecr_lifecycle_policy_document.api.json
}

resource "aws_ecr_registry_policy" "all" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Replicate"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
      Action    = ["ecr:ReplicateImage"]
      Resource  = ["arn:aws:ecr:us-east-1:${data.aws_caller_identity.me.account_id}:repository/*"]
    }]
  })
}

resource "aws_ecr_registry_scanning_configuration" "all" {
  scan_type = "BASIC"
  rule {
    scan_frequency = "SCAN_ON_PUSH"
    repository_filter {
      filter      = "tf/*"
      filter_type = "WILDCARD"
    }
  }
}

resource "aws_ecr_replication_configuration" "all" {
  replication_configuration {
    rule {
      destination {
        region      = "eu-central-1"
        registry_id = data.aws_caller_identity.me.account_id
      }
      repository_filter {
        filter      = "tf/"
        filter_type = "PREFIX_MATCH"
      }
    }
  }
}

resource "aws_ecr_pull_through_cache_rule" "public" {
  ecr_repository_prefix = "tf-public"
  upstream_registry_url = "public.ecr.aws"
}

resource "aws_ecr_repository_creation_template" "cached" {
  prefix               = "tf-public"
  description          = "Cached for ${var.team}"
  image_tag_mutability = var.mutability
  applied_for          = ["PULL_THROUGH_CACHE"]
  resource_tags        = { team = var.team }
  lifecycle_policy     = data.aws_ecr_lifecycle_policy_document.api.json
  encryption_configuration {
    encryption_type = "AES256"
  }
}

resource "aws_ecr_account_setting" "scanning" {
  name  = "BASIC_SCAN_TYPE_VERSION"
  value = "AWS_NATIVE"
}

resource "aws_ecrpublic_repository" "gallery" {
  repository_name = "tf/gallery"
  force_destroy   = true
  catalog_data {
    description   = "Images of ${var.team}"
    about_text    = "# About"
    architectures = ["x86-64"]
  }
  tags = { team = var.team }
}

resource "aws_ecrpublic_repository_policy" "gallery" {
  repository_name = aws_ecrpublic_repository.gallery.repository_name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Push"
      Effect    = "Allow"
      Principal = { AWS = aws_iam_role.puller.arn }
      Action    = ["ecr-public:PutImage", "ecr-public:UploadLayerPart"]
    }]
  })
}

data "aws_ecr_repository" "api" {
  name = aws_ecr_repository.api.name
}

data "aws_ecr_repositories" "all" {
  depends_on = [aws_ecr_repository.api, aws_ecr_repository.plain]
}

data "aws_ecr_authorization_token" "token" {}

data "aws_ecrpublic_authorization_token" "token" {}

data "aws_ecr_repository_creation_template" "cached" {
  prefix = aws_ecr_repository_creation_template.cached.prefix
}

data "aws_ecr_pull_through_cache_rule" "public" {
  ecr_repository_prefix = aws_ecr_pull_through_cache_rule.public.ecr_repository_prefix
}

data "aws_kms_key" "images" {
  key_id = aws_kms_alias.images.name
}

output "repository_url" {
  value = data.aws_ecr_repository.api.repository_url
}

output "repositories" {
  value = sort(data.aws_ecr_repositories.all.names)
}

output "user" {
  value = data.aws_ecr_authorization_token.token.user_name
}

output "key" {
  value = data.aws_kms_key.images.arn
}
